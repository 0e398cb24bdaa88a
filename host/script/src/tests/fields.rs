//! What expressions give.

use super::{adele, compile, gives, record, text};
use rollcall_core::script::Script;
use rollcall_core::{Cell, Field, Text};

#[test]
fn expressions() {
    for (key, expression, expect) in [
        ("full_name", "displayName", "Adele Vance"),
        ("full_name", "user.displayName", "Adele Vance"),
        ("full_name", "user[\"displayName\"]", "Adele Vance"),
        ("full_name", "faxNumber", ""),
        ("full_name", "notThere", ""),
        ("full_name", "user.notThere ?? \"none\"", "none"),
        ("full_name", "\"\"", ""),
        ("full_name", "[]", ""),
        ("full_name", "givenName + \" \" + surname", "Adele Vance"),
        ("full_name", "`${givenName} ${surname}`", "Adele Vance"),
        ("full_name", "givenName + faxNumber", ""),
        ("full_name", "\"  e\\u0301  \"", "é"),
        ("full_name", "level", "7"),
        ("full_name", "level + 1", "8"),
        ("full_name", "accountEnabled", "true"),
        ("full_name", "department.to_upper()", "RETAIL"),
        ("full_name", "faxNumber.trim().to_upper()", ""),
        ("full_name", "mail.replace(\"@contoso.example\", \"\")", "AdeleV"),
        ("full_name", "shout(givenName)", "ADELE!"),
        ("full_name", "if department == \"Retail\" { \"shop\" } else { \"office\" }", "shop"),
        ("full_name", "let x = department; x.make_upper(); x", "RETAIL"),
        ("full_name", "switch usageLocation { \"US\" => \"America\", _ => \"else\" }", "America"),
        ("name", "names::phone_name(user)[0]", "Adele Vance"),
        ("name", "names::phone_name(displayName)[1]", "A Vance"),
        ("email", "[mail, displayName, mail]", "AdeleV@contoso.example|Adele Vance"),
        ("email", "[faxNumber, [mail]]", "AdeleV@contoso.example"),
        ("extension", "numbers::last_digits(businessPhones, 4)", "0109"),
        ("extension", "numbers::extension(user[\"msRTCSIP-Line\"])", "0109"),
        ("extension", "\"0412\"", "0412"),
        ("extension", "level", "7"),
        ("extension", "level.to_string()", "7"),
        ("extension", "import \"numbers\" as n; n::last_digits(mobilePhone, 4)", "0109"),
        ("mobile_twinning_number", "numbers::e164(mobilePhone, usageLocation)", "+14255550109"),
        ("login_code", "\"1234\"", "secret 1234"),
        ("voicemail_code", "employeeId", "secret 1000"),
        ("group_membership", "[department]", "[\"Retail\"]"),
        ("group_membership", "\"b, a ,,b\"", "[\"a\", \"b\"]"),
        ("group_membership", "[\"x, y\", department]", "[\"Retail\", \"x, y\"]"),
        ("group_membership", "faxNumber", ""),
        (
            "group_membership",
            "businessPhones.filter(|p| p.contains(\"425\") && department == \"Retail\")",
            "[\"+1 425 555 0109\"]",
        ),
        ("system", "text::lookup(officeLocation, #{ \"18/2111\": \"Leeds\" })", "Leeds"),
    ] {
        assert_eq!(gives(key, expression), expect, "{key} = {expression}");
    }
}

#[test]
fn failures_say_what_and_where() {
    for (key, expression, expect) in [
        (
            "extension",
            "level + 1",
            "E0400 error extension.toml:1:1 [level + 1] `extension` gives a number, and text is needed: a zero in front would be lost (text stands in double quotes of its own within the expression; else add `.to_string()`)\n",
        ),
        (
            "email",
            "photo",
            "E0400 error email.toml:1:1 [photo] `email` gives raw bytes, and text or a list of texts is needed\n",
        ),
        (
            "email",
            "#{}",
            "E0400 error email.toml:1:1 [#{}] `email` gives a map, and text or a list of texts is needed\n",
        ),
        (
            "email",
            "\"a\" + mail.sub_string(\"x\")",
            "E0400 error email.toml:1:12 [sub_string] `email`: `sub_string` cannot be used on text with text\n",
        ),
        (
            "email",
            "businessPhones[3]",
            "E0400 error email.toml:1:16 [3] `email`: there is no element 3 in a list of 1 (`text::first(list)` gives the first one or `()`)\n",
        ),
        (
            "email",
            "numbers::e164(mail, \"XX\")",
            "E0400 error email.toml:1:10 [e164] `email`: `XX` is no country; `GB`, `US` are\n",
        ),
        (
            "email",
            "loop { }",
            "E0400 error email.toml:1:6 [{] `email`: it does not end within 100000 steps (look for a loop without an end)\n",
        ),
        ("email", "throw \"no e-mail\"", "E0400 error email.toml:1:1 [throw] `email`: no e-mail\n"),
        (
            "login_code",
            "throw `code ${employeeId}`",
            "E0400 error login_code.toml:1:1 [throw] `login_code`: the expression ended with an error\n",
        ),
        (
            "email",
            "shout(level)",
            "E0400 error provisioning.rhai:1:17 [to_upper] `email`: `to_upper` cannot be used on a whole number\n",
        ),
        (
            "email",
            "if user.active { 1 }",
            "E0400 error email.toml:1:8 [.] `email`: yes or no is needed, and this is an absent value (an absent attribute is `()`; compare it: `user.x == true`)\n",
        ),
    ] {
        assert_eq!(gives(key, expression), expect, "{key} = {expression}");
    }
}

#[test]
fn all_failures_of_a_user_are_told() {
    let rules =
        compile(&[("email", "mail + photo.x.y"), ("name", "throw 1"), ("full_name", "displayName")], "");
    assert_eq!(rules.fields(&adele()).unwrap_err().len(), 2);
}

#[test]
fn every_mapped_field_has_an_entry() {
    let rules = compile(&[("email", "mail"), ("extension", "()")], "");
    let all = rules.fields(&record(&[("x", text("y"))])).unwrap();
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), [Field::Email, Field::Extension]);
    assert!(all.values().all(Vec::is_empty));
}

#[test]
fn attributes_are_asked_for() {
    let rules = compile(
        &[
            ("user_identification", "id"),
            ("name", "names::phone_name(user)"),
            ("email", "let who = user; who.mail ?? site(user) + user[\"msRTCSIP-Line\"]"),
            ("extension", "let x = pager; [x].map(|one| one + fax)"),
            ("system", "user[department]"),
        ],
        r#"
        fn site(u) { u.officeLocation + inner(u) }
        fn inner(who) { who["postalCode"] }
        let wanted = "Sales";
        rule("a", #{ when: |user| user.division == wanted && wanted != (), system: |u| u.city, start_extension: 2000 });
        "#,
    );
    let names: Vec<&str> = rules.attributes().keys().map(|name| &**name).collect();
    let expect = [
        "city",
        "department",
        "division",
        "fax",
        "id",
        "mail",
        "msRTCSIP-Line",
        "officeLocation",
        "pager",
        "postalCode",
    ];
    assert_eq!(names, expect);
    let soft: Vec<&Text> = rules.soft_attributes().iter().collect();
    assert_eq!(
        soft.iter().map(|name| &***name).collect::<Vec<_>>(),
        ["cn", "displayName", "givenName", "sn", "surname"]
    );
}

#[test]
fn twinning() {
    let mut source = super::source(&[], "");
    let open = crate::Rules::compile(&source).unwrap().0;
    source.twinning_countries = vec!["GB".into(), "ie".into()];
    let home = crate::Rules::compile(&source).unwrap().0;
    for (number, anywhere, listed) in [
        ("+447700900123", None, None),
        ("07400123456", None, None),
        ("+353851234567", None, None),
        ("+14255550109", None, Some("`+14255550109` is not in GB, ie")),
        ("0014255550109", None, Some("`0014255550109` is not in GB, ie")),
        (
            "+449098790000",
            Some("`+449098790000` is a premium rate number"),
            Some("`+449098790000` is a premium rate number"),
        ),
        ("09098790000", None, Some("`09098790000` is a premium rate number")),
        ("112", Some("`112` is an emergency number"), Some("`112` is an emergency number")),
        ("9999", Some("`9999` is an emergency number"), Some("`9999` is an emergency number")),
    ] {
        assert_eq!(open.twinning_refusal(number).as_deref(), anywhere, "{number} anywhere");
        assert_eq!(home.twinning_refusal(number).as_deref(), listed, "{number} listed");
    }
}

#[test]
fn a_list_of_numbers_in_text_is_text() {
    let rules = compile(&[("extension", "[employeeId, level.to_string()]")], "");
    assert_eq!(rules.fields(&adele()).unwrap()[&Field::Extension].len(), 2);
    let rules = compile(&[("extension", "level")], "");
    let one = record(&[("level", Cell::Integer(2001))]);
    assert_eq!(rules.fields(&one).unwrap()[&Field::Extension][0].text(), Some("2001"));
}
