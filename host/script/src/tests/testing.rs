//! The runner of rule tests, by what it reports.

use rollcall_core::policy::{NumberPrecedence, Policy};

use super::{shown, source};
use crate::testing::{Report, TestFile, run_under};

const FIELDS: &[(&str, &str)] = &[
    ("name", "names::phone_name(user)"),
    ("email", "if mail.ends_with(\"corp.example\") { mail } else { throw \"a strange address\" }"),
    ("extension", "numbers::extension(phone)"),
    ("group_membership", "[department]"),
    ("login_code", "pin"),
];

const RULES: &str = "fn sells(user) {\n    if user.department == \"Sales\" { true } else { false }\n}\nfn unused() { 1 }\nrule(\"Sales\", #{ when: |user| sells(user), start_extension: 2000, end_extension: 2001, system: \"London\" });\nrule(\"Rest\", #{ when: |user| user.department != \"None\", start_extension: 2998 });\nrule(\"Never\", #{ when: |user| switch user.department { \"None\" => false, _ => true } });\n";

fn test(cases: &str) -> Report {
    test_with(cases, &Policy::default())
}

fn test_with(cases: &str, policy: &Policy) -> Report {
    let file = TestFile { name: "a.test.toml".into(), source: cases.into() };
    match run_under(&source(FIELDS, RULES), policy, &[file]) {
        Ok(report) => report,
        Err(found) => panic!("{}", shown(&found)),
    }
}

const GOOD: &str = r#"
[[case]]
about = "sellers get a number of the range"
user = { displayName = "Anna Berg", department = "Sales", mail = "anna@corp.example", pin = "2468" }
rule = "Sales"
name = "Anna Berg"
extension = "2000"
system = "London"
group_membership = ["Sales"]
login_code = "2468"

[[case]]
user = { displayName = "Christopher Montgomery", department = "Sales", mail = "c@corp.example" }
fields = { name = ["C Montgomery", "C Montgomery 2", "C Montgomery 3", "C Montgomery 4", "C Montgomery 5", "C Montgomery 6", "C Montgomery 7", "C Montgomery 8", "C Montgomery 9"], login_code = "" }
extension = 2001

[[case]]
user = { displayName = "Third", department = "Sales", mail = "t@corp.example" }
extension = ""

[[case]]
user = { displayName = "Stranger", mail = "x@else.example" }
error = "strange address"

[[case]]
user = { displayName = "None", department = "None", mail = "x@corp.example", phone = ["x4711"] }
rule = false
extension = "4711"
"#;

#[test]
fn good_cases_pass() {
    let report = test(GOOD);
    assert_eq!((report.cases, report.passed), (5, 5), "{}", shown(&report.diagnostics));
    assert!(report.passed());
    let expect = "\
E0208 warning provisioning.rhai:4:13 [{] no test reaches this function
E0208 warning provisioning.rhai:7:1 [rule] no test reaches rule `Never`
E0208 warning provisioning.rhai:7:78 [true] no test reaches this branch
";
    let mut found = report.diagnostics;
    found.sort_by_key(|found| shown(std::slice::from_ref(found)));
    assert_eq!(shown(&found), expect);
}

#[test]
fn all_that_was_reached_is_said() {
    let run = |rules: &str, cases: &str| {
        let file = TestFile { name: "a.test.toml".into(), source: cases.into() };
        run_under(&source(FIELDS, rules), &Policy::default(), &[file]).unwrap()
    };
    let rules = "fn sells(user) {\n    if user.department == \"Sales\" { true } else { false }\n}\n\
                 rule(\"Sales\", #{ when: |user| sells(user), start_extension: 2000 });\n";
    let seller = "[[case]]\nuser = { department = \"Sales\", mail = \"a@corp.example\" }\nrule = \"Sales\"\n";
    let other = "[[case]]\nuser = { department = \"Law\", mail = \"a@corp.example\" }\nrule = false\n";
    let strange = "[[case]]\nuser = { mail = \"a@else.example\" }\nerror = \"strange\"\n";
    let all = run(rules, &[seller, other, strange].concat());
    assert_eq!(
        all.all_reached().as_deref(),
        Some("1 rule and all 5 branches reached"),
        "{}",
        shown(&all.diagnostics)
    );
    assert_eq!(run(rules, seller).all_reached(), None);
    assert_eq!(run(rules, "").all_reached(), None);
}

#[test]
fn the_directory_may_come_first() {
    let case = "[[case]]\nuser = { department = \"Sales\", phone = \"x4711\", mail = \"a@corp.example\" }\nextension = \"4711\"\n";
    assert!(!test(case).passed());
    let policy = Policy { number_precedence: NumberPrecedence::Directory, ..Policy::default() };
    assert!(test_with(case, &policy).passed());
}

#[test]
fn failures_are_told_with_their_places() {
    for (case, expect) in [
        ("rule = \"Rest\"", "a.test.toml:4:8 [\"Rest\"] case `x`: `rule` is `Sales`, expected `Rest`"),
        (
            "name = \"A Berg\"",
            "a.test.toml:4:8 [\"A Berg\"] case `x`: `name` is `Anna Berg`, expected `A Berg`",
        ),
        ("email = \"\"", "a.test.toml:4:9 [\"\"] case `x`: `email` is `a@corp.example`, expected not set"),
        ("login_code = \"1\"", "a.test.toml:4:14 [\"1\"] case `x`: `login_code` is not what is expected"),
        ("rul = \"Rest\"", "a.test.toml:4:1 [rul] case `x` has no `rul`, did you mean `rule`?"),
        ("full_name = \"A\"", "a.test.toml:4:13 [\"A\"] case `x`: the job maps no `full_name`"),
        (
            "error = \"no\"",
            "a.test.toml:4:9 [\"no\"] case `x`: the user is not skipped, expected an error with `no`",
        ),
    ] {
        let text = format!(
            "[[case]]\nabout = \"x\"\nuser = {{ displayName = \"Anna Berg\", department = \"Sales\", mail = \"a@corp.example\", pin = \"2468\" }}\n{case}\n"
        );
        let report = test(&text);
        let errors: Vec<_> = report
            .diagnostics
            .iter()
            .filter(|found| found.severity == rollcall_core::Severity::Error)
            .cloned()
            .collect();
        let found = shown(&errors);
        assert!(found.trim_end().ends_with(expect), "{found}\nexpected {expect}");
        assert_eq!((report.cases, report.passed, report.passed()), (1, 0, false), "{case}");
    }
}

#[test]
fn a_name_that_fits_no_telephone_is_a_title() {
    let user = "user = { displayName = \"Anna Berg\", mail = \"a@corp.example\" }";
    for (case, passes) in [
        ("name = \"people get a number of the range\"", true),
        ("name = \"a title\"\nfields = { name = \"Anna Berg\" }", true),
        ("name = \"a title\"\nfields = { name = \"Anna\" }", false),
        ("name = \"Anna Berg\"", true),
        ("name = \"Anna\"", false),
    ] {
        assert_eq!(test(&format!("[[case]]\n{user}\n{case}\n")).passed(), passes, "{case}");
    }
}

#[test]
fn an_invalid_value_is_an_error() {
    let report = test("[[case]]\nuser = { mail = \"a b@corp.example\" }\nrule = \"Rest\"\n");
    assert!(
        shown(&report.diagnostics).contains("`a b@corp.example` is no e-mail address"),
        "{}",
        shown(&report.diagnostics)
    );
}

#[test]
fn files_that_are_no_tests() {
    for (text, expect) in [
        ("[[case", "E0101"),
        ("[[cases]]\nuser = {}", "a test file has `[[case]]`, not `cases`"),
        ("[[case]]\nrule = \"x\"", "case 1 has no `user`"),
        ("[[case]]\nuser = { a = { b = 1 } }", "`a` is text, a number, true or false, or a list of texts"),
    ] {
        let found = shown(&test(text).diagnostics);
        assert!(found.contains(expect), "{text}: {found}");
    }
}

#[test]
fn a_condition_is_tested_both_ways() {
    let file = TestFile { name: "a".into(), source: "[[case]]\nuser = { a = \"x\" }\nrule = \"A\"\n".into() };
    for (when, warned) in [("|user| true", false), ("|user| user.a == \"x\"", true)] {
        let source = source(&[], &format!("rule(\"A\", #{{ when: {when} }});"));
        let report = run_under(&source, &Policy::default(), std::slice::from_ref(&file)).unwrap();
        assert_eq!(!report.diagnostics.is_empty(), warned, "{when}: {}", shown(&report.diagnostics));
    }
}
