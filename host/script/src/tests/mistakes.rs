//! What `check` says: every mistake at once, each at its place.

use super::{shown, source};
use crate::Rules;

fn mistakes(fields: &[(&str, &str)], rules: &str) -> String {
    match Rules::compile(&source(fields, rules)) {
        Ok((_, notes)) => shown(&notes),
        Err(found) => shown(&found),
    }
}

#[test]
fn many_mistakes_at_once() {
    let found = mistakes(
        &[
            ("name", "names::phone_nam(user)"),
            ("full_name", "displayName +"),
            ("email", "mail.to_uper()"),
            ("extension", "0412"),
            ("system", "site(user, 1)"),
        ],
        "fn site(u) { u.city + offce }\nrule(\"A\", #{ wen: |u| u.x, start_extension: 3000, end_extension: 2000 });\nrule(\"A\", #{ when: |u| u.a.foo(), extension_type: \"SPI\", start_extension: 20 });\n",
    );
    let expect = "\
E0201 error email.toml:1:6 [to_uper] there is no function `to_uper` (did you mean `to_upper`?)
E0203 error extension.toml:1:1 [0412] `extension` gives a number, and text is needed: a zero in front would be lost (text stands in double quotes of its own within the expression; else add `.to_string()`)
E0200 error full_name.toml:1:13 [+] it ends too early
E0201 error name.toml:1:8 [phone_nam] there is no function `names::phone_nam` (did you mean `names::phone_name`?)
E0202 error provisioning.rhai:1:23 [offce] there is no variable `offce` (functions and closures see what they are given: `|user| user.department`)
E0203 error provisioning.rhai:2:14 [wen] rule `A` has no value `wen` (did you mean `when`?)
E0203 error provisioning.rhai:2:45 [3000] rule `A`: `start_extension` 3000 is greater than `end_extension` 2000
E0204 error provisioning.rhai:3:1 [rule] there are two rules `A` (the first one stands in line 2; only one of a name can be meant)
E0201 error provisioning.rhai:3:28 [foo] there is no function `foo`
E0203 error provisioning.rhai:3:51 [\"SPI\"] rule `A`: `SPI` is no extension type (it is one of `H323`, `SIP`, `IP DECT`, `SIP DECT`)
E0201 error system.toml:1:1 [site] `site` does not take 2 arguments (it takes 1)
";
    assert_eq!(found, expect);
}

#[test]
fn one_by_one() {
    for (fields, rules, expect) in [
        (
            &[("email", "eval(\"mail\")")][..],
            "",
            "E0200 error email.toml:1:1 [eval] `eval` is switched off\n",
        ),
        (
            &[("email", "mail displayName")],
            "",
            "E0200 error email.toml:1:6 [displayName] two expressions stand side by side (join them with an operator, or part statements with `;`; an attribute with `-` in its name is `user[\"…\"]`)\n",
        ),
        (&[("email", "\"abc")], "", "E0200 error email.toml:1:1 [\"abc] open string is not terminated\n"),
        (
            &[("email", "  ")],
            "",
            "E0200 error email.toml:1:1 [  ] `email` has no expression (leave the key out if nothing is meant)\n",
        ),
        (
            &[("login_code", "[\"1\", 2]")],
            "",
            "E0203 error login_code.toml:1:7 [2] `login_code` gives a number, and text is needed: a zero in front would be lost (text stands in double quotes of its own within the expression; else add `.to_string()`)\n",
        ),
        (
            &[("email", "rule(\"a\", #{})")],
            "",
            "E0201 error email.toml:1:1 [rule] there is no function `rule`\n",
        ),
        (
            &[("email", "phone_name(user)")],
            "",
            "E0201 error email.toml:1:1 [phone_name] there is no function `phone_name` (did you mean `names::phone_name`?)\n",
        ),
        (&[("email", "sleep(1)")], "", "E0201 error email.toml:1:1 [sleep] there is no function `sleep`\n"),
        (
            &[("email", "text::first()")],
            "",
            "E0201 error email.toml:1:7 [first] `text::first` does not take no argument (it takes 1)\n",
        ),
        (
            &[],
            "rule(\"a\", #{ when: user.x });",
            "E0202 error provisioning.rhai:1:20 [user] there is no variable `user` (a rule sees the user through a closure: `|user| user.department`)\n",
        ),
        (
            &[],
            "rule(\"a\", #{ when: |user| department == \"x\" });",
            "E0202 error provisioning.rhai:1:27 [department] there is no variable `department` (an attribute is seen through a closure: `|user| user.department`)\n",
        ),
        (
            &[],
            "rule(\"a\", #{ when: |user| user.department = \"Sales\" });",
            "E0200 error provisioning.rhai:1:27 [user] `user` is given another value, and nothing changes a user here (`==` compares; a copy that may be changed is a map: `#{ n: user.n }`)\n",
        ),
        (
            &[],
            "rule(\"a\", #{ when: |user| { let one = user; one.n += 1; one.n == 1 } });",
            "E0200 error provisioning.rhai:1:45 [one] `one` is given another value, and nothing changes a user here (a copy that may be changed is a map: `#{ n: user.n }`)\n",
        ),
        // A map is no user, whatever it is called.
        (
            &[],
            "fn placed(user) { user.a = 1; user }\nrule(\"a\", #{ when: |user| placed(#{}).a == user.b });",
            "",
        ),
        (
            &[],
            "rule(\"a\", #{ when: |user| { let one = user; one = #{}; one.n = 1; one.n == user.n } });",
            "",
        ),
        (
            &[],
            "rule(\"a\", #{ when: \"Sales\" });",
            "E0203 error provisioning.rhai:1:20 [\"Sales\"] rule `a`: `when` is a closure of the user, not text (when: |user| user.department == \"Sales\")\n",
        ),
        (
            &[],
            "rule(\"a\", #{ end_extension: 200 });",
            "E0203 error provisioning.rhai:1:29 [200] rule `a`: `end_extension` without `start_extension`\n",
        ),
        (
            &[],
            "rule(\"a\", #{ start_extension: \"0200\", end_extension: 299 });",
            "E0203 error provisioning.rhai:1:54 [299] rule `a`: `start_extension` has 4 digits and `end_extension` 3 (numbers of one range have the same length: \"0200\")\n",
        ),
        (
            &[],
            "rule(\"a\", #{ start_extension: \"2x\" });",
            "E0203 error provisioning.rhai:1:31 [\"2x\"] rule `a`: `start_extension` has 2-15 digits, not `2x` (start_extension: 2000, or in quotes with a zero in front: \"0200\")\n",
        ),
        (
            &[],
            "rule(\"a\", #{ system: 5 });",
            "E0203 error provisioning.rhai:1:22 [5] rule `a`: `system` is text, not a whole number\n",
        ),
        (
            &[],
            "rule(\"a\", #{ extension_type: \"SIP\" });",
            "E0203 error provisioning.rhai:1:30 [\"SIP\"] rule `a`: `extension_type` needs a number, and neither `start_extension` nor the field `extension` gives one (add `start_extension: 2000, end_extension: 2999`)\n",
        ),
        (
            &[("extension", "ext")],
            "rule(\"a\", #{ extension_type: \"SIP\" });",
            "E0203 note provisioning.rhai:1:30 [\"SIP\"] rule `a`: an extension is made only for users to whom the directory gives a number\n",
        ),
        (
            &[],
            "rule(\"\", #{});",
            "E0203 error provisioning.rhai:1:1 [rule] a rule's name is text (rule(\"UK sales\", #{ … });)\n",
        ),
        (
            &[],
            "fn f() { rule(\"a\", #{}) }\nf();",
            "E0203 error provisioning.rhai:1:10 [rule] `rule` stands at the top of a rule file, not in a function\n",
        ),
        (
            &[],
            "rule(\"a\");",
            "E0201 error provisioning.rhai:1:1 [rule] `rule` does not take 1 argument (it takes 2)\n",
        ),
        (
            &[],
            "loop {}",
            "E0203 error provisioning.rhai:1:6 [{] it does not end within 100000 steps (look for a loop without an end)\n",
        ),
        (
            &[],
            "import \"other.rhai\" as o;",
            "E0201 error provisioning.rhai:1:8 [\"other.rhai\"] there is no module `other.rhai` (the library has `names`, `numbers` and `text`; rule files see one another anyway)\n",
        ),
        (
            &[("email", "helper(mail)")],
            "fn helper(x) {",
            "E0200 error provisioning.rhai:1:14 [{] expecting `}` to terminate this block\n",
        ),
        (&[], "", ""),
    ] {
        assert_eq!(mistakes(fields, rules), expect, "{fields:?} {rules}");
    }
}

#[test]
fn protect_sees_the_phone_user_only() {
    for (text, expect) in [
        (
            "phone.nme == \"x\"",
            "E0202 error leavers.protect a phone user has no `nme` (did you mean `name`?)\n",
        ),
        (
            "mail == \"x\"",
            "E0202 error leavers.protect there is no variable `mail` (here stands the user of the phone system: `phone.name`)\n",
        ),
    ] {
        let mut all = source(&[], "");
        all.protect = Some((text.into(), None));
        assert_eq!(shown(&Rules::compile(&all).unwrap_err()), expect, "{text}");
    }
}

#[test]
fn a_country_that_does_not_exist() {
    let mut all = source(&[], "");
    all.twinning_countries = vec!["XX".into()];
    let found = shown(&Rules::compile(&all).unwrap_err());
    assert_eq!(
        found,
        "E0104 error numbers.twinning_countries `XX` is no country (two letters of ISO 3166: `GB`, `US`)\n"
    );
}
