//! Office files with mistakes, template files, exports and their comparison.

use expect_test::{Expect, expect};
use rollcall_core::diag::line_and_column;
use rollcall_core::{Diagnostic, Place};

use super::{Mode, compare, office_from_export, parse, read_templates, read_users, template_from_user};
use crate::model;

fn shown(mistakes: &[Diagnostic]) -> String {
    let mut out = String::new();
    for mistake in mistakes {
        if let Place::Span { source, bytes, .. } = &mistake.place {
            let (line, column) = line_and_column(source, bytes.start);
            out +=
                &format!("{line}:{column} `{}` ", source[bytes.clone()].lines().next().unwrap_or_default());
        }
        out += &format!("{} {}", mistake.code.0, mistake.message);
        if let Some(hint) = &mistake.hint {
            out += &format!(" ({hint})");
        }
        out += "\n";
    }
    out
}

fn mistakes(text: &str, expect: Expect) {
    let result = parse("office.toml", text, Mode::Init);
    expect.assert_eq(&shown(&result.err().unwrap_or_default()));
}

#[test]
fn an_empty_file_gives_the_plain_office() {
    let file = parse("office.toml", "", Mode::Init).unwrap();
    assert_eq!(file, super::OfficeFile::plain());
}

#[test]
fn the_first_system_is_the_primary_where_none_is_marked() {
    let text = "[[system]]\nname = \"A\"\n[[system]]\nname = \"B\"\n[[user]]\nname = \"Anna\"\n";
    let file = parse("office.toml", text, Mode::Init).unwrap();
    assert!(file.systems[0].primary && !file.systems[1].primary);
    assert_eq!(&*file.users[0].system, "A");
}

#[test]
fn all_mistakes_are_told_at_once() {
    mistakes(
        r#"
[[systm]]
[[system]]
name = "London"
fqnd = "london.example"
[[user]]
name = "A name far too long for Avaya"
extension = 2000
system = "Paris"
profile = "Powr User"
groups = ["Nobody", 3]
[[user]]
extension = "112"
login_code = "12"
values = { voicmail_on = true }
[[user]]
name = "Bo"
extension = "2001"
[[user]]
name = "BO"
extension = "2001"
[[group]]
name = "a,b"
members = ["Cleo"]
[[extension]]
extension = "2001"
[[extension]]
extension = "2001"
template = "J179"
[[licence]]
profile = "Power User"
[[extension_template]]
name = "J179x"
type = "ISDN"
[[user_template]]
name = "T"
values = { full_name = "X" }
"#,
        expect![[r#"
            2:3 `systm` E0609 an office file has no key `systm` (did you mean `system`?)
            5:1 `fqnd` E0609 a system has no key `fqnd` (did you mean `fqdn`?)
            7:8 `"A name far too long for Avaya"` E0609 the name `A name far too long for Avaya` has 29 characters, 15 fit
            8:13 `2000` E0609 `extension` is text, and this is a number (put it in quotes: `extension = "2000"`)
            9:10 `"Paris"` E0609 there is no system `Paris` (the systems are London)
            10:11 `"Powr User"` E0609 there is no profile `Powr User` (did you mean `Power User`?)
            11:11 `"Nobody"` E0609 there is no hunt group `Nobody`
            11:21 `3` E0609 `groups` is a list of texts, and this is of type integer
            12:1 `[[user]]` E0609 a user needs `name`
            13:13 `"112"` E0609 the extension `112` is an emergency number
            14:14 `"12"` E0609 the login code has 2 digits, 4-15 are needed
            15:12 `voicmail_on` E0609 no element is known as `voicmail_on` (did you mean `VoicemailOn`?)
            20:8 `"BO"` E0609 the name `BO` belongs to the user `Bo` already
            21:13 `"2001"` E0609 the extension `2001` belongs to the user `Bo` already
            23:8 `"a,b"` E0609 a hunt group's name has no comma and no invisible character
            24:12 `"Cleo"` E0609 there is no user `Cleo`
            28:13 `"2001"` E0609 the extension `2001` has a record already
            29:12 `"J179"` E0609 there is no extension template `J179`
            30:1 `[[licence]]` E0609 a licence needs `quantity`
            34:8 `"ISDN"` E0609 there is no extension type `ISDN` (the types are H323, SIP, IP DECT, SIP DECT)
            37:12 `full_name` E0609 a template cannot set `FullName`, which belongs to one person
        "#]],
    );
}

#[test]
fn what_is_no_toml_is_told_too() {
    mistakes(
        "[[user]]\nname = \n",
        expect![[r#"
            2:8 `` E0609 string values must be quoted, expected literal string
        "#]],
    );
}

#[test]
fn the_office_that_stands_counts_when_something_is_added() {
    let first =
        parse("office.toml", "[[user]]\nname = \"Anna\"\nextension = \"2001\"\n", Mode::Init).unwrap();
    let view = first.users[0].clone();
    let user = model::phone_user("g".into(), &view.elements, &[], "Primary".into(), None);
    let standing = rollcall_core::phone::Standing {
        systems: first.systems,
        users: [("g".into(), user)].into(),
        ..Default::default()
    };
    let text = "[[user]]\nname = \"ANNA\"\nextension = \"2001\"\n[[group]]\nname = \"Sales\"\nmembers = [\"Anna\"]\n";
    let wrong = parse("more.toml", text, Mode::Add(&standing)).unwrap_err();
    expect![[r#"
        2:8 `"ANNA"` E0609 the name `ANNA` belongs to the user `Anna` already
        3:13 `"2001"` E0609 the extension `2001` belongs to the user `Anna` already
    "#]]
    .assert_eq(&shown(&wrong));
}

#[test]
fn a_code_never_enters_a_message() {
    let text = "[[user]]\nname = \"Anna\"\nlogin_code = \"12a4\"\n";
    let wrong = parse("office.toml", text, Mode::Init).unwrap_err();
    assert!(wrong.iter().all(|wrong| !wrong.message.contains("12a4")));
}

#[test]
fn templates_are_read_from_toml_and_xml() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let toml = write(
        "templates.toml",
        "[[user_template]]\nname = \"Sales\"\nprofile = \"Power User\"\nvalues = { voicemail_on = true }\n",
    );
    let xml = write(
        "J179.xml",
        "<?xml version='1.0'?><data><ws_object><Extension GUID='1'><Extension>200</Extension>\
         <TypeInfo>SIP Extension</TypeInfo><Location>Cloud &amp; co</Location></Extension></ws_object></data>",
    );
    let users = write(
        "users.xml",
        "<data><ws_object><User><TemplateName>Support</TemplateName><Name>X</Name><LoginCode>1</LoginCode>\
         <AssignedPackage>5</AssignedPackage><VoicemailOn>true</VoicemailOn></User></ws_object></data>",
    );
    let templates = read_templates(&[&toml, &xml, &users]).unwrap();
    assert_eq!(templates.users["Sales"].values["VoicemailOn"].as_ref(), "true");
    assert_eq!(templates.users["Support"].profile.as_deref(), Some("Office Worker"));
    assert_eq!(templates.users["Support"].values.len(), 1);
    assert_eq!(templates.extensions["J179"].kind.as_deref(), Some("SIP"));
    assert_eq!(templates.extensions["J179"].values["Location"].as_ref(), "Cloud & co");
    let twice = read_templates(&[&toml, &toml]).unwrap_err();
    assert!(twice[0].message.contains("stands in another template file too"));
    let other = write("other.xml", "<data><Thing/></data>");
    assert!(read_templates(&[&other]).unwrap_err()[0].message.contains("neither"));
    let office = write("office.toml", "[[user]]\nname = \"Anna\"\n");
    assert!(read_templates(&[&office]).unwrap_err()[0].message.contains("no key `user`"));
}

#[test]
fn a_template_is_made_from_a_user_and_read_back() {
    let mut elements = model::defaults();
    for (name, text) in [
        ("Name", "Anna"),
        ("LoginCode", "2580"),
        ("TwinnedMobileNumber", "0770"),
        ("TwinningType", "2"),
        ("AssignedPackage", "4"),
        ("NoAnswerTime", "20"),
    ] {
        elements.insert(name.into(), text.into());
    }
    let text = template_from_user("Sales", &elements);
    let file = parse("t.toml", &text, Mode::Templates).unwrap();
    let template = &file.user_templates[0];
    assert_eq!(template.profile.as_deref(), Some("Power User"));
    assert_eq!(template.values["NoAnswerTime"].as_ref(), "20");
    assert!(["Name", "LoginCode", "TwinningType"].iter().all(|name| !template.values.contains_key(*name)));
}

const BEFORE: &str = "<?xml version='1.0' encoding='UTF-8'?>\n<data>\n<ws_object><User GUID='1'>\
    <Name>Anna</Name><Extension>2001</Extension><FullName>Anna B</FullName><LoginCode>2580</LoginCode>\
    <ForwardNumber>0123</ForwardNumber><Etag>7</Etag><Buttons><Button>a</Button><Button>b</Button></Buttons>\
    <SystemName>London</SystemName></User></ws_object>\n\
    <ws_object><User GUID='2'><Name>Bo</Name><Extension/></User></ws_object></data>";

fn compared(after: &str) -> super::Comparison {
    compare(&read_users("before.xml", BEFORE).unwrap(), &read_users("after.xml", after).unwrap())
}

#[test]
fn an_update_that_keeps_what_is_hidden_is_a_proof() {
    let same = compared(BEFORE);
    assert_eq!((same.users_compared, same.changed.len(), same.kept), (2, 0, false));
    let good = compared(&BEFORE.replace("Anna B", "Anna C").replace("<Etag>7", "<Etag>8"));
    assert!(good.kept, "{good:?}");
    assert_eq!(good.changed.len(), 1);
    assert!(good.changed[0].changes.iter().all(|change| change.expected));
    let nothing_at_stake =
        compared(&BEFORE.replace("<Name>Bo</Name>", "<Name>Bo</Name><FullName>Bo</FullName>"));
    assert!(!nothing_at_stake.kept);
}

#[test]
fn an_update_that_loses_something_is_none() {
    let updated = BEFORE.replace("Anna B", "Anna C");
    for (from, to, lost, other) in [
        ("<ForwardNumber>0123</ForwardNumber>", "", Some("ForwardNumber"), None),
        ("<ForwardNumber>0123", "<ForwardNumber>", Some("ForwardNumber"), None),
        ("<Button>b</Button>", "", None, Some("Buttons/Button")),
        ("London", "Leeds", None, Some("SystemName")),
    ] {
        let found = compared(&updated.replace(from, to));
        assert!(!found.kept, "{from}");
        assert_eq!(found.lost_elements.first().map(|name| &**name), lost, "{from}");
        assert_eq!(found.other_elements.first().map(|name| &**name), other, "{from}");
    }
    let codes = compared(&updated.replace("2580", "9999"));
    assert!(!format!("{codes:?}").contains("9999"));
}

#[test]
fn users_are_told_that_stand_in_one_export_only() {
    let after = BEFORE.replace("GUID='2'", "GUID='3'").replace("Bo", "Cleo");
    let found = compared(&after);
    assert_eq!((found.only_before, found.only_after), (vec!["Bo".into()], vec!["Cleo".into()]));
}

#[test]
fn an_export_becomes_an_office() {
    let users = read_users("users.xml", BEFORE).unwrap();
    let file = office_from_export("users.xml", &users, None).unwrap();
    assert_eq!(file.systems.len(), 1);
    assert!(file.systems[0].primary && &*file.systems[0].name == "London");
    assert_eq!(file.users[0].guid.as_deref(), Some("1"));
    assert!(!file.users[0].elements.contains_key("Etag"));
    assert_eq!(file.users[0].elements["Buttons/Button"].as_ref(), "a\nb");
}

#[test]
fn hostile_xml_is_refused() {
    let deep = format!("<data>{}", "<a>".repeat(200));
    for text in [
        "",
        "plain text",
        "<data><User><Name>A</Name>",
        "<data></User></data>",
        "<!DOCTYPE d [<!ENTITY x 'boom'>]><data><User><Name>&x;</Name></User></data>",
        deep.as_str(),
    ] {
        assert!(read_users("users.xml", text).is_err(), "{text:.40}");
    }
}

#[test]
fn a_file_is_read_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (toml, xml) = (folder.path().join("office.toml"), folder.path().join("users.xml"));
    std::fs::write(&toml, "\u{FEFF}[[user]]\nname = \"Anna\"\n").unwrap();
    std::fs::write(&xml, BEFORE).unwrap();
    assert_eq!(super::read_office(&toml, None).unwrap().users.len(), 1);
    assert_eq!(super::read_office(&xml, None).unwrap().users.len(), 2);
    let wrong = super::read_office(&folder.path().join("none"), None).unwrap_err();
    assert_eq!(wrong[0].code, rollcall_core::codes::FILE);
    assert!(!super::compare_files(&xml, &xml).unwrap().kept);
    assert_eq!(super::compare_files(&toml, &folder.path().join("none")).unwrap_err().len(), 2);
}
