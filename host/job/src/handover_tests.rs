//! Random codes in a job file, and where they go.

use super::*;
use crate::job::HandoverTo;

#[test]
fn random_codes_and_where_they_go() {
    let job = good(
        "login_code = { random = 4 }\nvoicemail_code = { random = 31 }\n[handover]\nfile = \"new.jsonl\"\n",
    );
    assert_eq!(job.policy.random, [(Field::LoginCode, 4), (Field::VoicemailCode, 31)].into());
    assert!(
        job.fields.iter().all(|map| !map.field.secret()) && job.policy.fields.contains_key(&Field::LoginCode)
    );
    assert_eq!(job.handover, Some(HandoverTo::File("jobs/new.jsonl".into())));
    let job = good("[handover]\ncommand = [\"./tell\", \"-x\"]\n");
    assert_eq!(job.handover, Some(HandoverTo::Command(vec!["jobs/./tell".into(), "-x".into()])));
}

#[test]
fn random_codes_that_cannot_be() {
    check_more(
        r#"login_code = { random = 3 }
voicemail_code = { random = 32 }
"#,
        expect![[r#"
            15:16 E0103 `fields.login_code` is random, and there is no `[handover]`
                write `[handover]` with `file = "new-users.jsonl"`: nobody learns the code otherwise
            15:25 E0104 `fields.login_code.random` cannot be `3`
                write how many digits the code has, 4 to 15
            16:29 E0104 `fields.voicemail_code.random` cannot be `32`
                write how many digits the code has, 1 to 31
        "#]],
    );
    check_more(
        r#"login_code = { random = "4", on_update = "always" }
voicemail_code = { random = 6, value = "pin" }
[handover]
file = "a"
command = ["b"]
"#,
        expect![[r#"
            15:25 E0104 `fields.login_code.random` takes a whole number, not text
                write how many digits the code has, 4 to 15
            15:42 E0108 `login_code` is never updated: it is written for new users only
                take `on_update` out; it is for `name`, `full_name`, `email`, `extension`, `mobile_twinning_number` and `group_membership`
            16:32 E0104 `fields.voicemail_code` has both an expression and a random code
                keep one of `value` or `random`
            19:1 E0104 `handover` names both a file and a command
                keep one of the two
        "#]],
    );
    check_more(
        "[handover]\n",
        expect![[r#"
        15:2 E0103 `handover` does not say where codes go
            write `file = "new-users.jsonl"`, or `command = ["./hand-over"]`
    "#]],
    );
    check_more(
        "[handover]\nfil = \"x\"\ncommand = \"x\"\n",
        expect![[r#"
        16:1 E0102 unknown key `fil` in `handover`
            did you mean `file`?
        17:11 E0104 `handover.command` takes a list of texts, not text
            write the program and its arguments: `command = ["./program", "argument"]`
    "#]],
    );
}
