//! Which rule a user gets, and what the rule says.

use rollcall_core::phone::PhoneUser;
use rollcall_core::script::{ExtensionKind, NumberRange, Rule, Script};
use rollcall_core::{Field, Value};

use super::{adele, compile, record, shown, source, text};
use crate::{RuleFile, Rules};

const RULES: &str = r#"
    fn office(user) { text::lookup(user.officeLocation, sites()) }
    fn sites() { #{ "18/2111": "Redmond" } }
    let shops = ["Retail", "Stores"];

    rule("Broken", #{ when: |user| user.department == "Broken" && user.level.nothing(), });
    rule("Shops", #{
        when: |user| user.department in shops && user.usageLocation == "US",
        system: |user| office(user),
        start_extension: "0200", end_extension: "0299",
        user_template: "Sales", extension_template: "J179", extension_type: "SIP",
    });
    rule("Maybe", #{ when: |user| user.missing });
    rule("Rest", #{ start_extension: 3000, extension_type: "ip dect" });
"#;

fn rules() -> Rules {
    // `nothing` would be found by the check; a property that is called is found when it runs.
    compile(&[], &RULES.replace("user.level.nothing()", "user.level + #{}"))
}

fn name(rules: &Rules, cells: &[(&str, rollcall_core::Cell)], wanted: Option<&str>) -> String {
    match rules.rule(&record(cells), wanted) {
        Ok(rule) => rule.map(|rule| rule.name.to_string()).unwrap_or_default(),
        Err(found) => shown(&found),
    }
}

#[test]
fn the_first_match_wins() {
    let rules = rules();
    let expect = Rule {
        name: "Shops".into(),
        system: Some("Redmond".into()),
        range: Some(NumberRange { first: 200, last: 299, width: 4 }),
        user_template: Some("Sales".into()),
        extension: Some(ExtensionKind::Template("J179".into())),
    };
    assert_eq!(rules.rule(&adele(), None).unwrap(), Some(expect));
    let rest = rules.rule(&record(&[("department", text("IT"))]), None).unwrap().unwrap();
    assert_eq!(&*rest.name, "Rest");
    assert_eq!(rest.extension, Some(ExtensionKind::Type("IP DECT".into())));
    assert_eq!(rest.range, Some(NumberRange { first: 3000, last: 9999, width: 4 }));
}

#[test]
fn wanted_and_failing_rules() {
    let rules = rules();
    assert_eq!(name(&rules, &[], Some("Maybe")), "Maybe");
    assert_eq!(
        name(&rules, &[], Some("maybee")),
        "E0400 error ? there is no provisioning rule `maybee` (did you mean `Maybe`?)\n"
    );
    let broken = name(&rules, &[("department", text("Broken")), ("level", text("x"))], None);
    assert!(broken.contains("rule `Broken`, `when`: "), "{broken}");
    let compiled = compile(&[], "rule(\"A\", #{ when: |u| u.a });");
    assert_eq!(
        name(&compiled, &[("a", text("x"))], None),
        "E0400 error provisioning.rhai:1:20 [|] rule `A`, `when`: gives text, and yes or no is needed\n"
    );
    assert_eq!(name(&compiled, &[], None), "");
}

#[test]
fn closures_are_checked_when_they_answer() {
    let rules = compile(
        &[],
        "rule(\"A\", #{ start_extension: |u| u.first, end_extension: |u| u.last, system: |u| u.a });",
    );
    let found = name(&rules, &[("first", text("300")), ("last", text("200"))], None);
    assert!(found.contains("300 is greater than `end_extension` 200"), "{found}");
    assert_eq!(name(&rules, &[("first", text("300")), ("last", text("400"))], None), "A");
}

#[test]
fn a_rule_cannot_remember() {
    let rules = compile(
        &[],
        "let n = 1999; let seen = []; rule(\"A\", #{ start_extension: |u| { n += 1; seen.push(n); n + seen.len() - 1 } });",
    );
    for _ in 0..3 {
        let rule = rules.rule(&adele(), None).unwrap().unwrap();
        assert_eq!(rule.range.unwrap().first, 2000);
    }
}

#[test]
fn endless_conditions_end() {
    let rules = compile(&[], "rule(\"A\", #{ when: |u| { loop {} } });");
    let found = name(&rules, &[], None);
    assert!(found.contains("does not end within 100000 steps"), "{found}");
    let rules = compile(&[], "fn f(n) { f(n + 1) } rule(\"A\", #{ when: |u| f(1) });");
    assert!(name(&rules, &[], None).contains("more than 32 deep"), "{}", name(&rules, &[], None));
}

#[test]
fn files_see_one_another() {
    let mut all = source(&[("email", "domain(mail)")], "rule(\"A\", #{ when: |u| internal(u) });");
    all.rule_files.push(RuleFile {
        name: "functions.rhai".into(),
        source: "fn internal(u) { domain(u.mail) == \"contoso.example\" }\nfn domain(x) { text::split(x, \"@\")[1] }\nrule(\"B\", #{});".into(),
    });
    let (rules, _) = Rules::compile(&all).map_err(|found| shown(&found)).unwrap();
    assert_eq!(rules.rule_names().iter().map(|name| &**name).collect::<Vec<_>>(), ["A", "B"]);
    assert_eq!(&*rules.rule(&adele(), None).unwrap().unwrap().name, "A");
    let bad = record(&[("mail", text("nobody"))]);
    let found = shown(&rules.fields(&bad).unwrap_err());
    assert!(found.starts_with("E0400 error functions.rhai:2:"), "{found}");
}

#[test]
fn leavers_are_protected() {
    let mut all = source(&[], "");
    all.protect = Some(("phone.name.starts_with(\"Ops\") || \"Board\" in phone.groups".into(), None));
    let (rules, _) = Rules::compile(&all).unwrap();
    let user = |name: &str, groups: &[&str]| PhoneUser {
        guid: "1".into(),
        fields: [
            (Field::Name, Value::from(name)),
            (
                Field::GroupMembership,
                Value::List(groups.iter().map(|g| (*g).into()).collect::<Vec<_>>().into()),
            ),
        ]
        .into(),
        system: "London".into(),
        profile: None,
        user_template: None,
        fingerprint: [0; 16],
    };
    for (name, groups, expect) in
        [("Ops 1", &[][..], true), ("Anna", &["Board"], true), ("Anna", &["Sales"], false)]
    {
        assert_eq!(rules.protects(&user(name, groups)).unwrap(), expect, "{name}");
    }
    assert!(!compile(&[], "").protects(&user("Ops", &[])).unwrap());
}

#[test]
fn rules_may_be_made_by_hand() {
    let rules = compile(
        &[],
        r#"
        const FIRST = 2000;
        fn sells(who) { who.department == "Retail" }
        let common = #{ start_extension: |user| user.firstNumber ?? FIRST, user_template: "Staff" };
        for site in ["London", "Leeds"] {
            let this_one = common + #{ system: site, when: |user| user.site == site };
            rule("At " + site, this_one);
        }
        rule("Sales", common + #{ when: sells });
        rule("Sellers", #{ when: sells });
        "#,
    );
    let names: Vec<&str> = rules.attributes().keys().map(|name| &**name).collect();
    assert_eq!(names, ["department", "firstNumber", "site"]);
    let leeds = rules.rule(&record(&[("site", text("Leeds"))]), None).unwrap().unwrap();
    assert_eq!((&*leeds.name, leeds.system.as_deref()), ("At Leeds", Some("Leeds")));
    assert_eq!(leeds.range.unwrap().first, 2000);
    assert_eq!(&*rules.rule(&adele(), None).unwrap().unwrap().name, "Sales");
}

#[test]
fn deep_work_does_not_end_the_program() {
    let deep = format!(
        "fn f(n) {{ {}f(n + 1){} }} rule(\"A\", #{{ when: |u| f(1) }});",
        "1 + (".repeat(12),
        ")".repeat(12)
    );
    let rules = compile(&[], &deep);
    let threads = std::thread::Builder::new().stack_size(2 << 20);
    let found = threads.spawn(move || name(&rules, &[], None)).unwrap().join().unwrap();
    assert!(found.contains("more than 32 deep"), "{found}");
}
