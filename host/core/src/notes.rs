//! What a plan says besides its changes: ticks that hold something back, groups that do not exist, codes that are weak.

use std::collections::BTreeSet;

use crate::codes;
use crate::diag::Diagnostic;
use crate::field::Field;
use crate::memory::Link;
use crate::phone::{PhoneUser, Standing};
use crate::plan::Plan;
use crate::policy::Policy;
use crate::provision::Desired;
use crate::text::{Text, count};

/// Adds what concerns the plan as a whole.
pub(crate) fn notes(plan: &mut Plan, policy: &Policy, held_back: usize, unknown_groups: &BTreeSet<Text>) {
    if held_back > 0 {
        let (differ, are) = if held_back == 1 {
            ("differs and stays as it", "is")
        } else {
            ("differ and stay as they", "are")
        };
        let users = count(held_back, "owned user");
        let message = format!("{users} {differ} {are}, because the tick `update` is off");
        plan.diagnostics.push(Diagnostic::note(codes::TICK_OFF, message).path(&["synchronize", "update"]));
    }
    if !unknown_groups.is_empty() && policy.abilities.writes(Field::GroupMembership) {
        let names: Vec<String> = unknown_groups.iter().map(|name| format!("`{name}`")).collect();
        let message = format!("hunt groups that do not exist are left out: {}", names.join(", "));
        plan.diagnostics.push(
            Diagnostic::note(codes::GROUP_UNKNOWN, message)
                .hint("hunt groups are never created; make them on the phone system"),
        );
    }
    for field in policy.fields.keys().filter(|field| !policy.abilities.writes(**field)) {
        if matches!(field, Field::UserIdentification | Field::UserProvisioningRule | Field::System) {
            continue;
        }
        let message = format!("this phone system cannot take `{}`, so it is left out", field.key());
        plan.diagnostics
            .push(Diagnostic::warning(codes::FIELD_UNWRITABLE, message).path(&["fields", field.key()]));
    }
}

/// Counts the disabled accounts for which nothing is made.
pub(crate) fn disabled_strangers(plan: &mut Plan, count: usize) {
    let message = match count {
        0 => return,
        1 => "1 account is disabled in the directory, and no user is made for it".to_owned(),
        _ => format!("{count} accounts are disabled in the directory, and no user is made for them"),
    };
    let note = Diagnostic::note(codes::ACCOUNT_DISABLED, message).path(&["leavers", "disabled"]);
    plan.diagnostics.push(note);
}

/// Notes where rule or system would be others today: a rule never changes an existing user.
pub(crate) fn differing_rule(
    plan: &mut Plan,
    desired: &Desired,
    link: &Link,
    phone: &PhoneUser,
    standing: &Standing,
) {
    let Some(rule) = &desired.draft.rule else { return };
    let wanted = rule.system.as_deref().and_then(|value| standing.system(value));
    let moved = wanted.filter(|system| system.name != phone.system);
    let other = link.rule.as_ref().filter(|made_with| **made_with != rule.name);
    let message = match (other, moved) {
        (_, Some(system)) => format!(
            "the rule `{}` would now put the user on `{}`; it stays on `{}`",
            rule.name, system.name, phone.system
        ),
        (Some(made_with), None) => {
            format!("the rule would now be `{}`; the user was made with `{made_with}`", rule.name)
        }
        (None, None) => return,
    };
    let note = Diagnostic::note(codes::RULE_DIFFERS, message)
        .hint("a rule never changes an existing user; a move takes a delete and a create");
    plan.diagnostics.push(note.user(desired.draft.key.clone()));
}
