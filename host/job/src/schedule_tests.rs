//! `[schedule]`, `[notify]` and `expires`: what is read, and what is said of mistakes.

use expect_test::expect;
use rollcall_core::Severity;

use super::{check_more, good};
use crate::expiry::expiring;
use crate::notify::{Event, Notify, Target};

#[test]
fn a_good_schedule() {
    let job = good(
        r#"
[schedule]
cron = " 0 */2 * * * "
timezone = "europe/london"
start = 2026-12-01
jitter = "2m"
[notify]
on = ["changed", "failed", "failed"]
command = ["./tell", "who"]
"#,
    );
    let schedule = job.schedule.unwrap();
    assert_eq!((&*schedule.text, &*schedule.zone_name), ("0 */2 * * *", "Europe/London"));
    assert_eq!((schedule.start.as_deref(), schedule.jitter_ms), (Some("2026-12-01"), 120_000));
    let target = Target::Command(vec!["jobs/./tell".into(), "who".into()]);
    assert_eq!(job.notify.unwrap(), Notify { on: vec![Event::Failed, Event::Changed], target });

    let job = good(
        "[schedule]\ncron = \"@daily\"\nstart = \"2026-12-01\"\n[notify]\nwebhook = \"https://x.example/h\"\n",
    );
    let schedule = job.schedule.unwrap();
    assert_eq!((&*schedule.zone_name, schedule.jitter_ms), ("UTC", 0));
    let on = vec![Event::Failed, Event::Refused, Event::Skipped, Event::Expiring];
    assert_eq!(job.notify.unwrap(), Notify { on, target: Target::Webhook("https://x.example/h".into()) });
    assert_eq!((good("").schedule, good("").notify), (None, None));
}

#[test]
fn mistakes_of_a_schedule() {
    check_more(
        "[schedule]\ncron = \"0 25 * * *\"\ntimezone = \"Europe/Lodnon\"\nstart = \"soon\"\njitter = \"2d\"\nevery = 1\n",
        expect![[r#"
            16:8 E0104 `schedule.cron` is `0 25 * * *`: the hour goes from 0 to 23, not to 25
                write minute, hour, day of the month, month and day of the week: `cron = "0 */2 * * *"` is every two hours
            17:12 E0104 `schedule.timezone` is `Europe/Lodnon`: there is no such time zone
                did you mean `Europe/London`?
            18:9 E0104 `schedule.start` is `soon`: no day of the calendar
                write the day as "2026-12-01"
            19:10 E0104 `schedule.jitter` is `2d`: too long
                write a duration such as `2m` or `90s`, a day at most
            20:1 E0102 unknown key `every` in `schedule`
                there is `cron`, `timezone`, `start` or `jitter`
        "#]],
    );
    check_more(
        "[schedule]\ntimezone = \"Mars\"\nstart = 2026-12-01T08:00:00Z\njiter = \"2m\"\n",
        expect![[r#"
        15:2 E0103 `schedule.cron` is missing
            write minute, hour, day of the month, month and day of the week: `cron = "0 */2 * * *"` is every two hours
        16:12 E0104 `schedule.timezone` is `Mars`: there is no such time zone
            write a name of the time zone database, such as `Europe/London`; without one it is UTC
        17:9 E0104 `schedule.start` is `2026-12-01T08:00:00Z`: no day alone
            write the day as "2026-12-01"
        18:1 E0102 unknown key `jiter` in `schedule`
            did you mean `jitter`?
    "#]],
    );
    check_more(
        "[schedule]\ncron = 5\ntimezone = 1\n",
        expect![[r#"
        16:8 E0104 `schedule.cron` takes text, not a whole number
            put it in quotes
        17:12 E0104 `schedule.timezone` takes text, not a whole number
            put it in quotes
    "#]],
    );
}

#[test]
fn mistakes_of_a_notification() {
    check_more(
        "[notify]\non = [\"fail\", \"everything\"]\ncommand = [\"./tell\"]\nwebhook = \"https://x.example\"\n",
        expect![[r#"
            16:7 E0104 `notify.on` cannot be `fail`
                did you mean `failed`?
            16:15 E0104 `notify.on` cannot be `everything`
                it takes `failed`, `refused`, `skipped`, `expiring` or `changed`
            18:1 E0104 `notify` has a command and a webhook
                keep one of the two
        "#]],
    );
    check_more(
        "[notify]\non = \"failed\"\n",
        expect![[r#"
        15:2 E0103 `notify.command` is missing
            write `command = ["./tell"]` or `webhook = "https://…"`
        16:6 E0104 `notify.on` takes a list of texts, not text
            write `on = ["…"]`
    "#]],
    );
    check_more(
        "[notify]\nwebhook = \"http://hooks.example/x\"\n",
        expect![[r#"
        16:11 E0104 `notify.webhook` is `http://hooks.example/x`: what it carries would leave this machine unencrypted
            write `https://…`; `http://` is for this machine alone
    "#]],
    );
    check_more(
        "[notify]\nwebhook = \"ftp://127.0.0.1/x\"\ncomand = []\n",
        expect![[r#"
        16:11 E0104 `notify.webhook` is `ftp://127.0.0.1/x`: `ftp` is no scheme for it
            write `https://…`; `http://` is for this machine alone
        17:1 E0102 unknown key `comand` in `notify`
            did you mean `command`?
    "#]],
    );
    check_more(
        "[notify]\ncommand = \"./tell\"\n",
        expect![[r#"
        16:11 E0104 `notify.command` takes a list of texts, not text
            write the program and its arguments: `command = ["./program", "argument"]`
    "#]],
    );
    check_more(
        "[notify]\nwebhook = \"https://me:hunter2@hooks.example/x\"\n",
        expect![[r#"
        16:11 E0106 the URL in `notify.webhook` carries user information
            leave out what stands in front of the `@`; credentials go under [directory.credentials]
    "#]],
    );
    for url in ["http://127.0.0.1:8080/x", "http://[::1]/x", "http://localhost/x"] {
        assert!(good(&format!("[notify]\nwebhook = \"{url}\"\n")).notify.is_some(), "{url}");
    }
}

#[test]
fn credentials_that_expire() {
    let job = good("");
    let check = |now: &str, expect: Option<(Severity, &str)>| {
        let at: jiff::Timestamp = now.parse().unwrap();
        let found = expiring(&job, at.as_millisecond());
        let found: Vec<(Severity, &str)> = found.iter().map(|d| (d.severity, d.message.as_str())).collect();
        assert_eq!(found, expect.into_iter().collect::<Vec<_>>(), "{now}");
    };
    let soon = "the credential `client_secret` expires on 2027-05-01";
    check("2027-03-31T23:59:59Z", None);
    check("2027-04-01T00:00:00Z", Some((Severity::Warning, soon)));
    check("2027-05-01T23:59:59Z", Some((Severity::Warning, soon)));
    let past = "the credential `client_secret` expired on 2027-05-01";
    check("2027-05-02T00:00:00Z", Some((Severity::Error, past)));
}
