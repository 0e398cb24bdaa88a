//! What must hold for every directory that is asked over HTTP, whichever it is: written once, played against each.

use std::path::PathBuf;
use std::time::Duration;

use rollcall_tests::cloud::Cloud;
use rollcall_tests::web::{Journal, Rule, Trouble};

/// A secret of every scene; it must be found nowhere.
pub(crate) const CANARY: &str = "Canary-Secret-4f1d9c0e7b";
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many people there are.
pub(crate) const PEOPLE: usize = 12;
/// How many of them stand on a page.
pub(crate) const PAGE: usize = 5;

/// A directory with the machine whose job reads it. People have numbers, from 0.
pub(crate) trait Side {
    fn cloud(&mut self) -> &mut Cloud;
    fn id(&self, n: usize) -> String;
    fn rename(&mut self, n: usize, given: &str, family: &str);
    fn disable(&mut self, n: usize, disabled: bool);
    /// Lets somebody leave, as an administrator does it there.
    fn leave(&mut self, n: usize);
    fn trouble(&mut self, rule: Rule<Trouble>);
    /// Ends all troubles.
    fn calm(&mut self);
    /// What the path of a listing ends with.
    fn path(&self) -> &'static str;
    /// Takes the permission to read users away and gives its name.
    fn forbid(&mut self) -> &'static str;
    /// Sets a credential that is of the right form and wrong.
    fn mistake(&mut self);
    fn journal(&mut self) -> Journal;
    /// Moves both clocks.
    fn wait(&mut self, time: Duration);
}

fn rule(side: &impl Side, page: usize, times: Option<u32>, fault: Trouble) -> Rule<Trouble> {
    Rule { path: side.path().to_owned(), page: Some(page), times, fault }
}

/// Joiners, a second sync without change, a rename, a leaver and his delete.
pub(crate) fn life(side: &mut impl Side) {
    let _ = side.cloud().run("check", &[]).success();
    let _ = side.cloud().run("test-connection", &[]).success();
    let first = side.cloud().preview().success();
    assert_eq!(first.figure("create"), PEOPLE as u64);
    assert_eq!(first.stdout, side.cloud().preview().success().stdout);
    assert_eq!(side.cloud().sync().success().figure("applied"), PEOPLE as u64);
    assert_eq!(side.cloud().users().len(), PEOPLE + 1);
    let again = side.cloud().sync().success();
    assert_eq!((again.figure("unchanged"), again.figure("applied")), (PEOPLE as u64, 0));

    let (renamed, leaver) = (side.id(1), side.id(2));
    side.wait(Duration::from_secs(3600));
    side.rename(1, "Wilhelmina", "Zed");
    side.leave(2);
    let run = side.cloud().sync().success();
    assert_eq!((run.figure("update"), run.figure("pending_delete"), run.figure("delete")), (1, 1, 0));
    let user = side.cloud().linked(&renamed).unwrap();
    assert_eq!((&user["name"], &user["full_name"]), (&"Wilhelmina Zed".into(), &"Wilhelmina Zed".into()));
    side.wait(8 * DAY);
    assert_eq!(side.cloud().sync().success().figure("delete"), 1);
    assert!(side.cloud().linked(&leaver).is_none());
    assert_eq!(side.cloud().users().len(), PEOPLE);
    let _ = side.cloud().run("fields", &[]).success().says("displayName").says("department");
}

/// A disabled account is a leaver, until it is enabled again.
pub(crate) fn disabled_is_a_leaver(side: &mut impl Side) {
    let _ = side.cloud().sync().success();
    side.wait(Duration::from_secs(3600));
    side.disable(3, true);
    assert_eq!(side.cloud().sync().success().figure("pending_delete"), 1);
    side.wait(Duration::from_secs(3600));
    side.disable(3, false);
    let run = side.cloud().sync().success();
    assert_eq!((run.figure("unchanged"), run.figure("pending_delete")), (PEOPLE as u64, 0));
}

/// With `disabled = "keep"` a disabled account keeps its telephone.
pub(crate) fn disabled_is_kept(side: &mut impl Side) {
    side.cloud().with("[leavers]\ndisabled = \"keep\"\n");
    assert_eq!(side.cloud().sync().success().figure("create"), PEOPLE as u64);
    side.wait(Duration::from_secs(3600));
    side.disable(3, true);
    let run = side.cloud().sync().success();
    assert_eq!((run.figure("pending_delete"), run.figure("applied")), (0, 0));
    side.wait(9 * DAY);
    assert_eq!(side.cloud().sync().success().figure("delete"), 0);
    assert_eq!(side.cloud().users().len(), PEOPLE + 1);
}

/// Whoever asks to come later is asked later, and nobody notices.
pub(crate) fn throttled(side: &mut impl Side, later: Trouble) {
    let rule = rule(side, 2, Some(2), later);
    side.trouble(rule);
    assert_eq!(side.cloud().sync().success().figure("create"), PEOPLE as u64);
    let journal = side.journal();
    assert_eq!(journal.with_status(429) + journal.with_status(403), 2);
}

/// A page in the middle that breaks: the reading is incomplete, and nobody is a leaver.
pub(crate) fn a_page_breaks(side: &mut impl Side) {
    a_page_breaks_but(side, "nothing");
}

/// The same without the troubles of which a text is a part.
pub(crate) fn a_page_breaks_but(side: &mut impl Side, without: &str) {
    side.cloud().with("[directory.limits]\ncall_wall_seconds = 2\n");
    let _ = side.cloud().sync().success();
    side.wait(2 * DAY);
    let troubles = [
        Trouble::status(500),
        Trouble::busy("Retry-After", 3600),
        Trouble::Cut(60),
        Trouble::Reset,
        Trouble::Html,
        Trouble::Status { status: 200, headers: Vec::new(), body: "{\"unexpected\": true}".to_owned() },
    ];
    for trouble in troubles {
        let told = format!("{trouble:?}");
        if told.contains(without) {
            continue;
        }
        let rule = rule(side, 2, Some(20), trouble);
        side.trouble(rule);
        let run = side.cloud().sync();
        assert_eq!(run.code, Some(13), "{told}: {} {}", run.stdout, run.stderr);
        side.calm();
        assert_eq!(side.cloud().users().len(), PEOPLE + 1, "{told}");
    }
    side.wait(9 * DAY);
    let run = side.cloud().sync().success();
    assert_eq!((run.figure("unchanged"), run.figure("pending_delete")), (PEOPLE as u64, 0));
}

/// A wrong credential, and a permission that is missing by its name.
pub(crate) fn refused(side: &mut impl Side) {
    let missing = side.forbid();
    let _ = side.cloud().sync().exits(4).says(missing);
    let _ = side.cloud().run("test-connection", &[]).exits(4).says(missing);
    side.mistake();
    let _ = side.cloud().sync().exits(4);
    let _ = side.cloud().run("test-connection", &[]).exits(4);
    assert_eq!(side.cloud().users().len(), 1);
}

/// A secret is used and is nowhere to be found afterwards.
pub(crate) fn canary(side: &mut impl Side, needles: &[&str]) {
    let commands: [(&str, &[&str]); 7] = [
        ("check", &["-vv"]),
        ("test-connection", &["-vv"]),
        ("fields", &[]),
        ("preview", &["--json", "--all"]),
        ("sync", &["--yes", "-vv", "--record", "traffic.recording"]),
        ("sync", &["--yes"]),
        ("runs", &["--json"]),
    ];
    let mut outputs = Vec::new();
    for (command, more) in commands {
        outputs.push(side.cloud().run(command, more).success());
    }
    let journal = side.journal();
    let tokens = journal.issued_tokens().iter().map(String::as_str);
    for needle in tokens.chain(needles.iter().copied()) {
        assert_eq!(side.cloud().env.files_with(needle), Vec::<PathBuf>::new(), "{needle}");
        for output in &outputs {
            assert!(!output.stdout.contains(needle) && !output.stderr.contains(needle), "{needle}");
        }
    }
    assert!(!journal.token_strayed());
    for needle in needles {
        assert!(!journal.header_strayed(needle), "{needle} went elsewhere");
    }
}

/// A recording of one sync replays exactly, twice, without credentials.
pub(crate) fn replays(side: &mut impl Side) {
    let _ = side.cloud().sync().success();
    let live = side.cloud().run("preview", &["--json", "--all", "--record", "traffic.recording"]).success();
    let asked = side.journal().entries.len();
    let cloud = side.cloud();
    cloud.job.directory = "recording = \"traffic.recording\"".to_owned();
    cloud.write();
    for _ in 0..2 {
        assert_eq!(cloud.run("preview", &["--json", "--all"]).success().stdout, live.stdout);
    }
    assert_eq!(side.journal().entries.len(), asked, "a replay reaches for the network");
}
