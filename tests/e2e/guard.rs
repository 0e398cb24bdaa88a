//! A directory that is broken, empty or much smaller must never cost anybody a telephone.

use std::time::Duration;

use rollcall_tests::graph::{Fault, FaultRule, Tenant, guid};
use rollcall_tests::scene::{Job, Scene};
use serde_json::Value;

use crate::env;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAYS_10: Duration = Duration::from_secs(10 * 24 * 60 * 60);

#[test]
fn an_empty_directory_is_refused_ten_times_in_a_row() {
    let mut scene = Scene::new(env(), 20);
    let _ = scene.sync().success();
    let whole = std::mem::take(&mut scene.graph.world().tenant);
    let before = scene.users();
    for _ in 0..10 {
        scene.env.advance(DAYS_10);
        let run = scene.sync().exits(5);
        assert_eq!((run.figure("applied"), run.figure("delete")), (0, 0));
        assert!(run.codes().contains(&"E0504".to_owned()), "{:?}", run.codes());
    }
    assert_eq!(scene.users(), before);
    scene.graph.world().tenant = whole;
    let run = scene.sync().success();
    assert_eq!((run.figure("unchanged"), run.figure("pending_delete")), (20, 0));
}

#[test]
fn a_much_smaller_directory_is_refused_ten_times_in_a_row() {
    let mut scene = Scene::new(env(), 20);
    let _ = scene.sync().success();
    let before = scene.users();
    for n in 0..10 {
        scene.graph.world().tenant.remove_user(&guid(1, n));
    }
    for _ in 0..10 {
        scene.env.advance(DAYS_10);
        let _ = scene.preview().exits(5);
        let run = scene.sync().exits(5);
        assert_eq!(run.figure("applied"), 0);
    }
    assert_eq!(scene.users(), before);
}

#[test]
fn a_listing_broken_at_any_page_deletes_nothing() {
    let mut scene = Scene::new(env(), 25);
    scene.graph.world().config.page_rows = 5;
    let _ = scene.sync().success();
    scene.graph.world().tenant.remove_user(&guid(1, 0));
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(DAYS_10);
    let before = scene.users();
    let broken = [
        Fault::Status { status: 400, code: String::new(), retry_after: None },
        Fault::Cut { after: 200 },
        Fault::NoValue,
        Fault::Html,
    ];
    // A refusal at every page; what is tried again for seconds, at one of them.
    let places = (1..=5).map(|page| (page, &broken[0])).chain(broken[1..].iter().map(|fault| (3, fault)));
    for (page, fault) in places {
        let rule = FaultRule { path: "/users".into(), page: Some(page), times: None, fault: fault.clone() };
        scene.graph.world().faults.push(rule);
        let run = scene.sync();
        assert_eq!(run.code, Some(13), "page {page}, {fault:?}: {} {}", run.stdout, run.stderr);
        scene.graph.world().faults.clear();
    }
    assert_eq!(scene.users(), before);
    assert_eq!(scene.sync().success().figure("delete"), 1);
}

#[test]
fn whoever_was_read_is_no_leaver() {
    let mut scene = Scene::new(env(), 100);
    let job = Job::default()
        .field("user_identification", "\"employeeId\"")
        .field("login_code", "'\"271828\"'")
        .field("full_name", "'if displayName == \"fails\" { throw \"broken\" } else { displayName }'");
    scene.job(&job);
    let _ = scene.sync().success();
    {
        let mut world = scene.graph.world();
        for n in 0..3 {
            world.tenant.set(&guid(1, n), "employeeId", Value::Null);
        }
        for n in 10..15 {
            world.tenant.set(&guid(1, n), "displayName", "fails");
        }
    }
    for _ in 0..3 {
        scene.env.advance(DAYS_10);
        let run = scene.sync().exits(3);
        assert_eq!((run.figure("skipped"), run.figure("delete"), run.figure("pending_delete")), (8, 0, 0));
        assert_eq!(run.figure("unchanged"), 92);
    }
    assert_eq!(scene.users().len(), 101);
}

#[test]
fn too_many_deletes_are_refused_until_somebody_says_the_figure() {
    let mut scene = Scene::new(env(), 20);
    scene.job(&Job::default().whole().with("[leavers]\ngrace = \"0d\"\n"));
    let _ = scene.sync().success();
    for n in 0..3 {
        scene.graph.world().tenant.remove_user(&guid(1, n));
    }
    let _ = scene.sync().success();
    scene.env.advance(DAYS_10);
    let run = scene.sync().exits(5);
    assert!(run.codes().contains(&"E0500".to_owned()), "{:?}", run.codes());
    assert_eq!(scene.users().len(), 21);
    let accept = |figure: &str| scene.env.run(&["sync", "job.toml", "--yes", "--json", "--accept", figure]);
    let _ = accept("max_delete=4").exits(5);
    assert_eq!(accept("max_delete=3").success().figure("delete"), 3);
    assert_eq!(scene.users().len(), 18);
}

#[test]
fn a_first_sync_of_nobody_does_nothing() {
    let scene = Scene::new(env(), 1);
    scene.graph.world().tenant = Tenant::default();
    let run = scene.sync().success();
    assert_eq!((run.figure("directory_users"), run.figure("applied")), (0, 0));
}

#[test]
fn a_narrowed_filter_deletes_nobody_on_its_first_run_and_is_named() {
    let mut scene = Scene::new(env(), 100);
    let job = Job::default().with("[leavers]\ngrace = \"0s\"\n");
    scene.job(&job);
    for n in 0..3 {
        scene.graph.world().tenant.set(&guid(1, n), "department", "Archive");
    }
    let _ = scene.sync().success();
    // One is due already when the filter is narrowed.
    scene.graph.world().tenant.remove_user(&guid(1, 50));
    assert_eq!(scene.sync().success().figure("pending_delete"), 1);
    scene.env.advance(HOUR);
    scene.job(&job.clone().settings("scope = \"tenant\"\nfilter = \"department ne 'Archive'\""));
    let run = scene.sync().success();
    assert_eq!((run.figure("delete"), run.figure("pending_delete")), (0, 4));
    assert!(run.codes().contains(&"E0510".to_owned()), "{:?}", run.codes());
    let _ = run.says("scope changed: `directory.settings.filter` is not as it was").hides("Archive");
    // The filter was looked at: the next run goes on.
    scene.env.advance(HOUR);
    assert_eq!(scene.sync().success().figure("delete"), 4);
}

#[test]
fn a_refusal_names_the_part_of_the_job_that_changed() {
    let mut scene = Scene::new(env(), 100);
    let _ = scene.sync().success();
    scene.env.advance(HOUR);
    scene.job(&Job::default().settings("scope = \"tenant\"\nfilter = \"department eq 'Nowhere'\""));
    let _ = scene.sync().exits(5).says("these changed: `directory.settings.filter`");
    // A refused run is no run that passed: it is still named, beside what comes later.
    let rules = scene.env.read("provisioning.rhai");
    scene.env.write("provisioning.rhai", rules + "\n// a comment\n");
    let _ = scene.preview().exits(5).says("these changed: `directory.settings.filter`, `provisioning.rhai`");
    scene.job(&Job::default());
    let _ = scene.sync().success().hides("these changed");
}

#[test]
fn a_second_hourly_loss_is_refused_and_shows_the_sum() {
    let mut scene = Scene::new(env(), 100);
    let limits = "[leavers]\ngrace = \"0s\"\n[guard]\nmax_delete = \"5%\"\nwindow = \"24h\"\n";
    scene.job(&Job::default().whole().with(limits));
    let _ = scene.sync().success();
    let mut hourly = |from: usize| {
        for n in from..from + 4 {
            scene.graph.world().tenant.remove_user(&guid(1, n));
        }
        scene.env.advance(HOUR);
        let _ = scene.sync();
        scene.env.advance(HOUR);
        scene.sync()
    };
    assert_eq!(hourly(0).success().figure("delete"), 4);
    let run = hourly(4).exits(5);
    assert_eq!((run.figure("delete"), run.figure("applied")), (4, 0));
    let _ =
        run.says("4 deletes now and 4 within the last 24h; `max_delete` allows 5 (5% of 100 owned users)");
    let accept = |figure: &str| scene.env.run(&["sync", "job.toml", "--yes", "--json", "--accept", figure]);
    let _ = accept("max_delete=4").exits(5);
    assert_eq!(accept("max_delete=8").success().figure("applied"), 4);
    // A day later the window is empty again.
    for n in 8..12 {
        scene.graph.world().tenant.remove_user(&guid(1, n));
    }
    let _ = scene.sync().success();
    let _ = scene.sync().exits(5).says("4 deletes now and 8 within the last 24h");
    scene.env.advance(24 * HOUR);
    assert_eq!(scene.sync().success().figure("applied"), 4);
}

#[test]
fn a_window_is_not_outwitted_by_a_clock_that_jumps() {
    let mut scene = Scene::new(env(), 100);
    let limits = "[leavers]\ngrace = \"0s\"\n[guard]\nmax_delete = \"5%\"\nwindow = \"24h\"\n";
    scene.job(&Job::default().whole().with(limits));
    let _ = scene.sync().success();
    for (from, years) in [(0, 10), (4, 0)] {
        for n in from..from + 4 {
            scene.graph.world().tenant.remove_user(&guid(1, n));
        }
        let _ = scene.sync().success();
        scene.env.advance(HOUR);
        if years == 0 {
            let _ = scene.sync().exits(5).says("4 deletes now and 4 within the last 24h");
            scene.env.advance(24 * HOUR);
            assert_eq!(scene.sync().success().figure("applied"), 4);
        } else {
            assert_eq!(scene.sync().success().figure("applied"), 4);
            scene.env.advance(10 * 365 * 24 * HOUR);
        }
    }
}
