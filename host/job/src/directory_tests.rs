//! `[[directory]]`: several directories in one job.

use super::*;

#[test]
fn several_directories() {
    let rest = "[phone_system]\npath = \"x\"\n[fields]\nuser_identification = \"id\"\nname = \"n\"\n";
    let job = |directories: &str| format!("name = \"T\"\n{directories}{rest}");
    check(
        &job(
            "[[directory]]\nconnector = \"csv\"\n[[directory]]\nname = \"hr\"\nconnector = \"csv\"\nprecedence = 1\n[[directory]]\nname = \"hr\"\nconnector = \"csv\"\nprecedence = 0\nfull_every = \"often\"\n",
        ),
        expect![[r#"
            2:1 E0103 `directory.name` is missing
                each of several directories has a name of its own
            2:1 E0104 the directory `csv` has no `precedence`, and others have
                give every directory a `precedence` of its own, or none of them
            8:1 E0104 the directory `hr` has no `precedence`, and others have
                give every directory a `precedence` of its own, or none of them
            9:8 E0104 two directories are called `hr`
                give each directory a name of its own
            11:14 E0104 `directory.precedence` is out of range
                write 1 for the directory that wins, 2 for the next one
            12:14 E0104 `directory.full_every` is `often`: no duration
                write a duration such as `24h` or `7d`
        "#]],
    );
    check(
        &job(
            "[[directory]]\nname = \"a\"\nconnector = \"csv\"\nprecedence = 1\n[[directory]]\nname = \"b\"\nconnector = \"csv\"\nprecedence = 1\n",
        ),
        expect![[r#"
            6:1 E0104 the `precedence` of the directory `b` is another's too
                give every directory a `precedence` of its own, or none of them
        "#]],
    );
    let (found, wrong) = job_of(&[(
        "jobs/job.toml",
        &job(
            "[[directory]]\nname = \"hr\"\nconnector = \"csv\"\nprecedence = 2\n[directory.settings]\npath = \"a.csv\"\n[[directory]]\nname = \"ad\"\nconnector = \"ldap\"\nprecedence = 1\nfull_every = \"7d\"\n",
        ),
    )]);
    assert!(wrong.is_empty(), "{wrong:?}");
    let found = found.unwrap();
    let shown: Vec<_> =
        found.directories.iter().map(|one| (&*one.name, one.full_every_ms / 3_600_000)).collect();
    assert_eq!(shown, [("hr", 24), ("ad", 7 * 24)]);
    assert_eq!(found.policy.precedence, [("ad".into(), 1), ("hr".into(), 2)].into());
    let about = Diagnostic::error(codes::JOB_BAD_VALUE, "x").path(&["directory", "settings", "path"]);
    let Place::Span { bytes, source, .. } = found.resolve(found.placed("hr", about)).place else { panic!() };
    assert_eq!(&source[bytes], "\"a.csv\"");
}
