//! The Graph simulator as a program, for an example or a trial: `graph-simulator --users 2000`.
//!
//! Its first line of output is JSON with what a job needs. It runs until it is stopped.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that says where it listens")]

use std::net::SocketAddr;
use std::process::ExitCode;

use rollcall_tests::graph::{Config, Simulator, Tenant, people};
use serde_json::json;

const USAGE: &str = "usage: graph-simulator [--users N | --data FILE.json] [--listen ADDRESS:PORT] [--latency-ms N] \
                     [--page-rows N] [--token-seconds N] [--secret TEXT] [--tenant ID]";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("graph-simulator: {why}\n{USAGE}");
            ExitCode::from(64)
        }
    }
}

fn run() -> Result<(), String> {
    let mut config = Config::default();
    let mut listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut tenant = people(100);
    let mut arguments = std::env::args().skip(1);
    while let Some(flag) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("`{flag}` needs a value"))?;
        let number = || value.parse::<usize>().map_err(|_| format!("`{value}` is no number"));
        match flag.as_str() {
            "--users" => tenant = people(number()?),
            "--data" => {
                let text = std::fs::read_to_string(&value).map_err(|error| format!("`{value}`: {error}"))?;
                tenant = Tenant::from_json(&text)?;
            }
            "--listen" => listen = value.parse().map_err(|_| format!("`{value}` is no address"))?,
            "--latency-ms" => config.latency_ms = number()? as u64,
            "--page-rows" => config.page_rows = number()?,
            "--token-seconds" => config.token_seconds = number()? as u64,
            "--secret" => config.client_secret = value,
            "--tenant" => config.tenants = vec![value],
            _ => return Err(format!("`{flag}` is not known")),
        }
    }
    let told = json!({
        "tenant_id": config.tenants[0], "client_id": config.client_id, "client_secret": config.client_secret,
        "users": tenant.users.len(),
        "groups": tenant.groups.iter().map(|(id, group)| (group.display_name.clone(), json!(id)))
            .collect::<serde_json::Map<_, _>>(),
    });
    let simulator = Simulator::start_at(listen, config, tenant).map_err(|error| error.to_string())?;
    let mut line = json!({"address": simulator.address().to_string(), "login_url": simulator.url(), "graph_url": simulator.url()});
    if let (Some(line), Some(told)) = (line.as_object_mut(), told.as_object()) {
        line.extend(told.clone());
    }
    println!("{line}");
    loop {
        std::thread::park();
    }
}
