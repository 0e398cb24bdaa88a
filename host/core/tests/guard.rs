//! What the guard lets through and what it refuses.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::collections::BTreeMap;

use common::{World, person, policy};
use rollcall_core::Record;
use rollcall_core::guard::guard;
use rollcall_core::policy::{Limit, Limits};

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
    guard(&plan, limits, baseline, &accept).err().into_iter().flatten().map(|why| why.code.0).collect()
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
