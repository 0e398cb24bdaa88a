//! A connector that misbehaves in the way its setting `mode` says, so that tests can see the host hold.
#![deny(unsafe_code)]
#![expect(clippy::panic, reason = "misbehaving is what it is for")]

mod snoop;

use rollcall_connector::{
    AttributeInfo, Cell, Change, Connection, Connector, Coverage, Edit, Error, Fault, Kind, Listing, Page,
    Patch, Table, User, attribute, files, http, log, passed, register, run,
};
use serde::Deserialize;

struct Hostile;

#[derive(Clone, Debug, Deserialize)]
struct Settings {
    mode: String,
    url: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    select: Vec<String>,
    /// What it uses: what `snoop` looks for, each text reversed; else the address or header to try.
    #[serde(default)]
    words: Vec<String>,
}

impl Connector for Hostile {
    type Settings = Settings;
    type Listing = Reading;

    fn validate(settings: &Settings) -> Vec<Fault> {
        match settings.mode.as_str() {
            "invalid" => vec![
                Fault::new("mode", "cannot be `invalid`").hint("use another"),
                Fault::new("", "all wrong"),
            ],
            // What is asked here is refused; that it is asked at all must not go by.
            "validate-http" => {
                let _ = http::get(&settings.url).send();
                Vec::new()
            }
            "validate-loop" => spin(),
            _ => Vec::new(),
        }
    }

    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(format!("{} {:?}", settings.path, settings.select))
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let message = match http::get(&settings.url).send() {
            Ok(response) => format!("status {}", response.status),
            Err(_) => "all is well".to_owned(),
        };
        Ok(Connection { users: None, findings: vec![passed("server", message)] })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        if settings.mode == "attributes-http" {
            http::get(&settings.url).send()?;
        }
        Ok(vec![attribute("mail", Kind::Text, "Where mail goes.")])
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Reading, Error> {
        match since {
            Some(token) if token != b"3" => Err(Error::TokenExpired),
            since => Ok(Reading { settings, since: since.is_some(), page: 0, kept: Vec::new() }),
        }
    }
}

struct Reading {
    settings: Settings,
    since: bool,
    page: u32,
    /// The answers that `snoop` got.
    kept: Vec<Vec<u8>>,
}

impl Listing for Reading {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        self.page += 1;
        if self.since {
            return Ok(changes());
        }
        if self.page > 1 {
            self.misbehave()?;
        }
        let mut page = if self.settings.mode == "snoop" { self.found()? } else { self.users()? };
        match self.settings.mode.as_str() {
            // Whoever has no room on a page is lost.
            "lossy" => page.changes.truncate(usize::try_from(max).unwrap_or(usize::MAX)),
            // What is no answer is nobody.
            "deaf" if !self.asks()? => page.changes.clear(),
            _ => {}
        }
        match self.settings.mode.as_str() {
            "no-end" => page.changes.clear(),
            "circle" => page.token = Some(b"here".to_vec()),
            "bad-id" if self.page == 2 => {
                page.changes.push(Change::User(User { id: "a\u{1b}b".to_owned(), cells: vec![Cell::None] }));
            }
            "long-token" => page.token = Some(vec![0; 65_537]),
            "huge" if self.page == 2 => page.changes = huge(),
            _ if self.page == 3 => {
                page.end = Some(Coverage::Everything);
                page.token = Some(b"3".to_vec());
            }
            _ => {}
        }
        Ok(page)
    }
}

impl Reading {
    fn users(&self) -> Result<Page, Error> {
        let mut table = Table::new(["mail"]);
        for index in 0..2 {
            let id = self.page * 10 + index;
            table.user(id.to_string(), vec![Cell::Text(format!("u{id}@example.com"))])?;
        }
        Ok(table.page())
    }

    /// Asks the server, and tells whether it says hello.
    fn asks(&self) -> Result<bool, Error> {
        let mut response = http::get(&self.settings.url).send()?;
        Ok(response.read_all(1 << 20)? == b"hello")
    }

    /// One user for each needle, with how often it stands in this guest's memory.
    fn found(&self) -> Result<Page, Error> {
        let mut table = Table::new(["found"]);
        for (needle, count) in snoop::count(&self.settings.words).into_iter().enumerate() {
            table.user(format!("{}-{needle}", self.page), vec![Cell::Integer(count)])?;
        }
        Ok(table.page())
    }

    /// Does what the mode says; what it gets back from the host it swallows.
    fn misbehave(&mut self) -> Result<(), Error> {
        let url = &self.settings.url;
        match self.settings.mode.as_str() {
            "loop" => spin(),
            "hoard" => hoard(),
            "sleep" => std::thread::sleep(std::time::Duration::from_secs(1 << 30)),
            "requests" => {
                for _ in 0..1_000 {
                    let _ = http::get(url).send();
                }
            }
            "panic" => panic!("the guest \u{1b}[31mgave up"),
            "exit" => std::process::exit(3),
            "deep" => log::debug(&deep(1).to_string()),
            "flood" => (0..10_000).for_each(|line| log::info(&format!("line {line}\nforged \u{1b}[31m"))),
            "elsewhere" => drop(http::get("https://elsewhere.example/users").send()),
            "header" => drop(http::get(url).header("Authorization", "Bearer mine").send()),
            "get" => drop(http::get(url).send()),
            "odd" => drop(http::get(self.settings.words.concat()).login("server").send()),
            "own-header" => drop(http::get(url).header(&self.settings.words.concat(), "1").send()),
            "login" => {
                let mut response = http::get(format!("{url}/users")).login("server").send()?;
                log::info(&String::from_utf8_lossy(&response.read_all(1 << 20)?));
            }
            "snoop" => {
                let mut response = http::get(format!("{url}/users")).login("server").send()?;
                self.kept.push(response.read_all(1 << 20)?);
            }
            "echo" => {
                let mut response = http::get(format!("{url}/echo")).login("server").send()?;
                let _ = response.read_all(1 << 20);
            }
            "handles" => {
                let mut open = Vec::new();
                for _ in 0..2_000 {
                    open.push(files::open(&self.settings.path)?);
                }
            }
            "out" => drop(files::open("../secret.txt")),
            "link" => drop(files::open("link.txt")),
            "progress" => run::progress(self.page, Some(run::time_left_ms())),
            _ => {}
        }
        Ok(())
    }
}

/// A listing that goes on from a token.
fn changes() -> Page {
    let patch = Patch { id: "10".to_owned(), edits: vec![(0, Edit::Replace(Cell::None))] };
    Page {
        columns: vec!["mail".to_owned()],
        changes: vec![Change::Patch(patch), Change::Gone("11".to_owned())],
        token: Some(b"3".to_vec()),
        end: Some(Coverage::Changes),
    }
}

fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn hoard() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    loop {
        kept.push(vec![1; 1 << 20]);
        std::hint::black_box(&kept);
    }
}

#[expect(unconditional_recursion, reason = "the stack is to end")]
fn deep(depth: u64) -> u64 {
    std::hint::black_box(deep(std::hint::black_box(depth + 1)) + 1)
}

/// More than one result may copy out.
fn huge() -> Vec<Change> {
    let text = "x".repeat(1 << 20);
    (0..140_u32)
        .map(|id| Change::User(User { id: id.to_string(), cells: vec![Cell::Text(text.clone())] }))
        .collect()
}

register!(Hostile, manifest = "../connector.toml");
