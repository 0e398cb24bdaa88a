//! What the guard lets through and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{World, person, policy};
use rollcall_core::guard::{Spent, Window, guard};
use rollcall_core::memory::{Elsewhere, Memory};
use rollcall_core::policy::{Limit, Limits};
use rollcall_core::{Record, RecordId, Severity};

fn people(range: std::ops::Range<usize>) -> Vec<Record> {
    range.map(|n| person(&format!("{n:03}"), &[("name", &format!("User {n}"))])).collect()
}

fn world(size: usize) -> World {
    let mut world = World::new();
    world.sync(&people(0..size), &policy());
    world
}

/// Gives the codes of a refusal; empty where the plan is cleared.
fn refusals(
    world: &World,
    now: &[Record],
    baseline: Option<u32>,
    limits: &Limits,
    accept: &[(&str, usize)],
) -> Vec<&'static str> {
    let accept: BTreeMap<_, _> = accept.iter().map(|(name, n)| ((*name).into(), *n)).collect();
    let plan = world.plan(now, &policy());
    let baseline = baseline.map(|users| ("test".into(), users)).into_iter().collect();
    let memory = Memory { baseline, ..Memory::default() };
    guard(&plan, limits, &memory, &accept).err().into_iter().flatten().map(|why| why.code.0).collect()
}

#[test]
fn deletes_up_to_the_limit_pass_and_one_more_does_not() {
    let mut world = world(100);
    let limits = Limits { max_delete: Limit::Percent(5.0), ..Limits::default() };
    world.let_grace_pass(&people(0..95));
    assert!(refusals(&world, &people(0..95), Some(100), &limits, &[]).is_empty());
    world.let_grace_pass(&people(0..94));
    assert_eq!(refusals(&world, &people(0..94), Some(100), &limits, &[]), ["E0500"]);
    assert!(refusals(&world, &people(0..94), Some(100), &limits, &[("max_delete", 6)]).is_empty());
    assert_eq!(
        refusals(&world, &people(0..94), Some(100), &limits, &[("max_delete", 7)]),
        ["E0500"],
        "only the exact figure"
    );
}

#[test]
fn an_empty_directory_never_passes() {
    let world = world(3);
    assert_eq!(refusals(&world, &[], Some(3), &Limits::default(), &[("min_directory", 0)]), ["E0504"]);
    assert!(
        refusals(&World::new(), &[], None, &Limits::default(), &[]).is_empty(),
        "nothing owned, nothing to lose"
    );
}

#[test]
fn a_much_smaller_directory_is_refused() {
    let world = world(100);
    assert!(refusals(&world, &people(0..80), Some(100), &Limits::default(), &[]).is_empty());
    assert_eq!(refusals(&world, &people(0..79), Some(100), &Limits::default(), &[]), ["E0504"]);
}

#[test]
fn many_owned_users_gone_from_the_phone_system_are_refused() {
    let mut world = world(20);
    let gone: Vec<_> = world.standing.users.keys().take(3).cloned().collect();
    for guid in &gone[..2] {
        world.standing.users.remove(guid);
    }
    assert!(refusals(&world, &people(0..20), Some(20), &Limits::default(), &[]).is_empty());
    world.standing.users.remove(&gone[2]);
    assert_eq!(refusals(&world, &people(0..20), Some(20), &Limits::default(), &[]), ["E0505"]);
}

#[test]
fn a_wave_of_cleared_values_is_refused() {
    let mut world = World::new();
    let with: Vec<_> = (0..10)
        .map(|n| person(&format!("{n}"), &[("name", &format!("User {n}")), ("email", "a@x.example")]))
        .collect();
    world.sync(&with, &policy());
    let mut two_without = with.clone();
    for (n, user) in two_without.iter_mut().enumerate().take(2) {
        *user = person(&format!("{n}"), &[("name", &format!("User {n}"))]);
    }
    assert_eq!(refusals(&world, &two_without, Some(10), &Limits::default(), &[]), ["E0503"]);
}

#[test]
fn limits_round_up() {
    for (limit, owned, expect) in [(5.0, 100, 5), (5.0, 101, 6), (10.0, 3, 1), (0.0, 50, 0)] {
        assert_eq!(Limit::Percent(limit).of(owned), expect, "{limit}% of {owned}");
    }
}

/// Gives what the guard says of a plan that deletes, after a window in which so much was spent; empty where it passes.
fn after(owned: usize, deletes: usize, spent: Spent, accept: Option<usize>) -> String {
    let mut world = world(owned);
    let rest = people(deletes..owned);
    world.let_grace_pass(&rest);
    world.memory.window = Some(Window { length: "24h".into(), spent });
    let limits = Limits { max_delete: Limit::Percent(5.0), ..Limits::default() };
    let accept: BTreeMap<_, _> = accept.into_iter().map(|figure| ("max_delete".into(), figure)).collect();
    let why = guard(&world.plan(&rest, &policy()), &limits, &world.memory, &accept).err().unwrap_or_default();
    why.first()
        .map(|why| format!("{} ({})", why.message, why.hint.clone().unwrap_or_default()))
        .unwrap_or_default()
}

#[test]
fn a_window_holds_the_sum_against_the_limit() {
    let spent = |deletes| Spent { deletes, ..Spent::default() };
    assert_eq!(
        after(96, 4, spent(4), None),
        "4 deletes now and 4 within the last 24h; `max_delete` allows 5 (5% of 100 owned users) (look at the plan; if it \
         is meant, run again with `--accept max_delete=8`)"
    );
    assert_eq!(after(96, 4, spent(4), Some(8)), "", "the figure of the hint");
    assert_ne!(after(96, 4, spent(4), Some(4)), "");
    assert_eq!(after(96, 1, spent(4), None), "");
    assert_eq!(after(90, 0, spent(10), None), "", "a plan that adds nothing to the sum passes");
    assert!(after(100, 6, spent(0), None).starts_with("the plan has 6 deletes; "));
}

#[test]
fn joiners_of_the_window_raise_what_may_be_lost_and_not_what_may_be_made() {
    let spent = Spent { creates: 60, adopts: 20, ..Spent::default() };
    assert_eq!(after(100, 5, spent, None), "", "the day after a roll-out is a day like any other");
    let mut world = world(100);
    world.memory.window = Some(Window { length: "24h".into(), spent });
    let limits = Limits { max_create: Some(Limit::Percent(100.0)), ..Limits::default() };
    let why = guard(&world.plan(&people(0..101), &policy()), &limits, &world.memory, &BTreeMap::new())
        .err()
        .unwrap();
    assert!(
        why[0].message.contains("1 create now and 60 within the last 24h; `max_create` allows 20"),
        "{}",
        why[0].message
    );
}

#[test]
fn a_refusal_names_what_changed_since_the_last_run_that_passed() {
    let mut world = world(10);
    world.memory.changed = vec!["directory.settings.filter".into(), "provisioning.rhai".into()];
    world.memory.baseline = [("test".into(), 10)].into();
    let plan = world.plan(&people(0..5), &policy());
    let why = guard(&plan, &Limits::default(), &world.memory, &BTreeMap::new()).err().unwrap();
    assert_eq!(
        why[1].message,
        "since the last run that passed these changed: `directory.settings.filter`, `provisioning.rhai`"
    );
    let everybody = world.plan(&people(0..10), &policy());
    assert!(guard(&everybody, &Limits::default(), &world.memory, &BTreeMap::new()).is_ok());
}

#[test]
fn a_renamed_job_that_reads_only_people_of_its_former_self_is_refused() {
    let owned = |world: &mut World, ids: &[&str]| {
        for id in ids {
            let id = RecordId { directory: "test".into(), native: (*id).into() };
            let owner = Elsewhere { job: "Renamed".into(), key: "x".into() };
            world.memory.others_records.insert(id, owner);
        }
    };
    let refused = |world: &World, people: &[Record]| {
        let plan = world.plan(people, &policy());
        let why = guard(&plan, &Limits::default(), &world.memory, &BTreeMap::new()).err().unwrap_or_default();
        let warned = plan.diagnostics.iter().find(|found| found.code.0 == "E0525");
        assert!(warned.is_none_or(|found| found.severity == Severity::Warning));
        (why.first().map(|why| why.message.clone()), warned.map(|found| found.message.clone()))
    };
    let mut world = World::new();
    owned(&mut world, &["000", "001"]);
    let all = "this job owns nobody, and 2 of the 2 users that it reads belong to the job `Renamed`";
    // Two jobs that were never one leave each other's people alone by choice.
    assert_eq!(refused(&world, &people(0..2)), (None, Some(all.to_owned())));
    world.memory.same_job = Some("Another".into());
    assert_eq!(refused(&world, &people(0..2)), (None, Some(all.to_owned())));
    world.memory.same_job = Some("Renamed".into());
    assert_eq!(refused(&world, &people(0..2)), (Some(all.to_owned()), None));
    // Somebody new would be made by the wrong job: that is told, and done.
    let some = "this job owns nobody, and 2 of the 3 users that it reads belong to the job `Renamed`";
    assert_eq!(refused(&world, &people(0..3)), (None, Some(some.to_owned())));
    // A job that owns somebody leaves the others by choice, and so does one that reads nobody.
    assert_eq!(refused(&World::new(), &people(0..0)), (None, None));
    world.sync(&people(2..3), &policy());
    assert_eq!(refused(&world, &people(0..2)), (None, None));
}
