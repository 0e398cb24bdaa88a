//! What goes wrong at the directory's door: each with a message of its own and the exit code of its class.

use rollcall_tests::graph::{Config, Fault, FaultRule, Simulator, der, people};
use rollcall_tests::scene::{CANARY, Job, Scene};

use crate::{env, repository};

fn fault(path: &str, page: Option<usize>, times: Option<u32>, fault: Fault) -> FaultRule {
    FaultRule { path: path.to_owned(), page, times, fault }
}

#[test]
fn a_wrong_secret_is_a_refused_credential() {
    let mut scene = Scene::new(env(), 3);
    scene.env.set("CLIENT_SECRET", "not-the-secret-value");
    let _ = scene.sync().exits(4).says("7000215").hides("not-the-secret-value");
    let _ = scene.env.run(&["test-connection", "job.toml"]).exits(4).hides("not-the-secret-value");
    scene.env.set("CLIENT_SECRET", CANARY);
    let _ = scene.env.run(&["test-connection", "job.toml"]).success().hides(CANARY);
    assert_eq!(scene.users().len(), 1);
}

#[test]
fn a_missing_permission_is_named() {
    let scene = Scene::new(env(), 3);
    scene.graph.world().config.permissions.clear();
    let _ = scene.sync().exits(4).says("User.Read.All");
    let _ = scene.env.run(&["test-connection", "job.toml"]).exits(4).says("User.Read.All");
}

#[test]
fn members_without_properties_are_a_missing_permission_and_no_data() {
    let scene = Scene::new(env(), 10);
    let group = rollcall_tests::graph::guid(3, 0);
    let settings = format!("scope = \"group\"\ngroup_id = \"{group}\"\ntransitive = true");
    scene.job(&Job::default().settings(&settings));
    let _ = scene.sync().success();
    scene.graph.world().config.permissions = ["GroupMember.Read.All".to_owned()].into();
    let _ = scene.sync().exits(4).says("User.Read.All");
    assert_eq!(scene.users().len(), 11);
}

#[test]
fn an_unreachable_host_is_unreachable() {
    let scene = Scene::new(env(), 3);
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    scene.env.write("job.toml", Job::default().text(&format!("http://{nobody}")));
    let _ = scene.sync().exits(13).says(&nobody.to_string());
}

#[test]
fn an_untrusted_certificate_is_shown_and_gets_no_secret() {
    let scene = Scene::new(env(), 3);
    let config = Config { client_secret: CANARY.to_owned(), ..Config::default() };
    let graph = Simulator::start_with_tls(config, people(3)).unwrap();
    scene.env.write("job.toml", Job::default().text(&graph.url()));
    let _ = scene.sync().exits(13).says("certificate");
    assert_eq!(graph.world().journal.entries.len(), 0);
    scene.env.write("ca.pem", graph.certificate().unwrap());
    let trusting = Job::default().with("[directory.network]\nca_file = \"ca.pem\"\n");
    scene.env.write("job.toml", trusting.text(&graph.url()));
    assert_eq!(scene.sync().success().figure("create"), 3);
}

#[test]
fn a_certificate_signs_in_by_assertion() {
    let mut scene = Scene::new(env(), 3);
    let pem = |name: &str| std::fs::read_to_string(repository("tests/data").join(name)).unwrap();
    scene.graph.world().config.certificate = Some(der(&pem("app.crt.pem")));
    scene.env.write("app.crt.pem", pem("app.crt.pem"));
    scene.env.set("APP_KEY", pem("app.key.pem"));
    let with = |algorithm: &str| {
        Job::default()
            .settings(&format!("scope = \"tenant\"\nassertion_algorithm = \"{algorithm}\""))
            .text(&scene.graph.url())
    };
    let credentials = "certificate = { file = \"app.crt.pem\" }\nprivate_key = { env = \"APP_KEY\" }";
    let secret = "client_secret = { env = \"CLIENT_SECRET\" }";
    scene.env.write("job.toml", with("PS256").replace(secret, credentials));
    assert_eq!(scene.sync().success().figure("create"), 3);
    scene.graph.world().config.accept_pss = false;
    let _ = scene.sync().exits(4).says("5002730");
    scene.env.write("job.toml", with("RS256").replace(secret, credentials));
    let _ = scene.sync().success();
}

#[test]
fn a_token_that_runs_out_is_renewed_once() {
    let scene = Scene::new(env(), 30);
    scene.graph.world().config.page_rows = 10;
    scene.graph.world().faults.push(fault("/users", Some(2), Some(1), Fault::Unauthorized));
    assert_eq!(scene.sync().success().figure("create"), 30);
    assert_eq!(scene.graph.world().journal.tokens(), 2);
}

#[test]
fn throttling_is_waited_for() {
    let scene = Scene::new(env(), 5);
    let throttled = Fault::Status { status: 429, code: "TooManyRequests".into(), retry_after: Some(1) };
    scene.graph.world().faults.push(fault("/users", None, Some(2), throttled));
    assert_eq!(scene.sync().success().figure("create"), 5);
}

#[test]
fn an_expired_page_token_restarts_the_listing() {
    let scene = Scene::new(env(), 30);
    scene.graph.world().config.page_rows = 10;
    scene.graph.world().faults.push(fault("/users", Some(3), Some(1), Fault::ExpiredPageToken));
    assert_eq!(scene.sync().success().figure("create"), 30);
}

#[test]
fn odd_pages_are_read_as_graph_means_them() {
    let scene = Scene::new(env(), 30);
    scene.graph.world().config.page_rows = 10;
    let mut world = scene.graph.world();
    world.faults.push(fault("/users", Some(1), Some(1), Fault::NoRows));
    world.faults.push(fault("/users", Some(2), Some(1), Fault::RepeatRows { rows: 4 }));
    world.faults.push(fault("/users", Some(3), Some(1), Fault::FewerRows { rows: 2 }));
    drop(world);
    let run = scene.sync().success();
    assert_eq!((run.figure("directory_users"), run.figure("create")), (30, 30));
}

#[test]
fn the_bearer_goes_to_no_other_host() {
    let scene = Scene::new(env(), 30);
    let thief = Simulator::start(Default::default(), Default::default()).unwrap();
    scene.graph.world().config.page_rows = 10;
    let link = Fault::ForeignLink { origin: thief.url() };
    scene.graph.world().faults.push(fault("/users", Some(1), None, link));
    let _ = scene.sync().exits(13);
    scene.graph.world().faults.clear();
    scene.graph.world().faults.push(fault("/users", None, None, Fault::Redirect { location: thief.url() }));
    let _ = scene.sync().exits(13);
    assert_eq!(thief.world().journal.entries.len(), 0);
}

#[test]
fn a_job_of_the_same_name_with_another_tenant_is_refused() {
    let scene = Scene::new(env(), 5);
    let other = "99999999-2222-4333-8444-555555555555";
    scene.graph.world().config.tenants.push(other.to_owned());
    let _ = scene.sync().success();
    scene.job(&Job::default().settings(&format!("scope = \"tenant\"\ntenant_id = \"{other}\"")));
    let run = scene.sync().exits(5);
    assert!(run.codes().contains(&"E0506".to_owned()), "{}", run.stdout);
    assert_eq!(scene.users().len(), 6);
}
