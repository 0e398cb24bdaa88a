//! `[handover]`: where the codes of new users go; and the random codes that need it.

use rollcall_core::{Field, codes};

use crate::directory::command;
use crate::job::HandoverTo;
use crate::tree::{Kind, Node};
use crate::values::words;
use crate::walk::{Section, Walk};

/// Reads `[handover]`.
pub(crate) fn handover(walk: &mut Walk<'_>, root: &Section<'_>) -> Option<HandoverTo> {
    const HINT: &str = "write `file = \"new-users.jsonl\"`, or `command = [\"./hand-over\"]`";
    let section = walk.section(root, "handover", "handover")?;
    match (section.get("file"), section.get("command")) {
        (Some(_), None) => walk.path(&section, "file").map(HandoverTo::File),
        (None, Some(_)) => command(walk, &section).map(HandoverTo::Command),
        (Some(_), Some(second)) => {
            let message = "`handover` names both a file and a command";
            walk.bad(&second.key, message, "keep one of the two");
            None
        }
        (None, None) => {
            let message = "`handover` does not say where codes go";
            walk.error(section.at, codes::JOB_MISSING_KEY, message, HINT);
            None
        }
    }
}

/// Reads how many digits a random code has.
pub(crate) fn random(walk: &mut Walk<'_>, section: &Section<'_>, field: Field, node: &Node) -> Option<u8> {
    let path = section.child("random");
    let (least, most) = match field {
        Field::LoginCode => (4, 15),
        Field::VoicemailCode => (1, 31),
        _ => {
            let message = format!("`{}` cannot be random, only a code can", section.path);
            walk.error(&node.key, codes::JOB_FIELD_POLICY, message, "write an expression");
            return None;
        }
    };
    if let Some(value) = section.get("value") {
        let message = format!("`{}` has both an expression and a random code", section.path);
        walk.bad(&value.key, message, format!("keep one of {}", words(&["value", "random"])));
        return None;
    }
    let hint = format!("write how many digits the code has, {least} to {most}");
    let Kind::Integer(digits) = node.kind else {
        walk.wrong_type(&path, node, "a whole number", &hint);
        return None;
    };
    let found = u8::try_from(digits).ok().filter(|digits| (least..=most).contains(digits));
    if found.is_none() {
        walk.bad(&node.at, format!("`{path}` cannot be `{digits}`"), hint);
    }
    found
}

/// Holds that a job with random codes says where they go: nobody would learn them otherwise.
pub(crate) fn needed(walk: &mut Walk<'_>, root: &Section<'_>, random: &[(Field, &Node)]) {
    let Some((field, node)) = random.first().filter(|_| root.get("handover").is_none()) else { return };
    let message = format!("`fields.{}` is random, and there is no `[handover]`", field.key());
    let hint = "write `[handover]` with `file = \"new-users.jsonl\"`: nobody learns the code otherwise";
    walk.error(&node.key, codes::JOB_MISSING_KEY, message, hint);
}
