//! The library by its own documentation: each example runs, and the page people read is made of the same files.

use rhai::Dynamic;

use super::FILES;
use crate::sandbox;

fn shown(value: &Dynamic) -> String {
    let text = value.to_string();
    format!("{text} ({})", value.type_name())
}

#[test]
fn examples_hold() {
    let engine = sandbox::engine();
    let mut count = 0;
    for (file, source) in FILES {
        engine.compile(source).unwrap();
        for line in source.lines().filter_map(|line| line.strip_prefix("//     ")) {
            let (call, expect) =
                line.split_once(" => ").unwrap_or_else(|| panic!("{file}: no `=>` in {line}"));
            let got: Dynamic = engine.eval(call).unwrap_or_else(|error| panic!("{file}: {call}: {error}"));
            let expect: Dynamic = engine.eval(expect).unwrap();
            assert_eq!(shown(&got), shown(&expect), "{file}: {call}");
            count += 1;
        }
    }
    assert!(count > 30, "{count} examples");
}

#[test]
fn every_function_is_documented() {
    for (namespace, module) in super::modules() {
        let (_, page) =
            FILES.into_iter().find(|(file, _)| file.strip_suffix(".rhai") == Some(namespace)).unwrap();
        for signature in module.gen_fn_signatures_with_mapper(|name| name.into()) {
            let name = signature.split('(').next().unwrap_or_default().trim().to_owned();
            assert!(
                page.contains(&format!("## `{namespace}::{name}(")),
                "{namespace}::{name} is not documented"
            );
        }
    }
}

#[test]
fn the_page_is_made_of_the_files() {
    let mut page = String::from(
        "<!-- Made from the .rhai files here: `UPDATE_EXPECT=1 cargo test -p rollcall-script` writes it. -->\n\n\
         # The library\n\n\
         Functions that every expression and rule can call, without an import. The examples run as tests.\n",
    );
    for (_, source) in FILES {
        page.push('\n');
        for line in source.lines() {
            let line = line.strip_prefix("//").unwrap();
            let line = line.strip_prefix(' ').unwrap_or(line);
            let heading = if line.starts_with('#') { "#" } else { "" };
            page.push_str(heading);
            page.push_str(line);
            page.push('\n');
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rules/README.md");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let stands = std::fs::read_to_string(path).unwrap_or_default();
    assert!(stands == page, "rules/README.md is out of date: UPDATE_EXPECT=1 cargo test -p rollcall-script");
}

/// What directories hold; `directories.md` tried the same inputs with the library below.
#[test]
fn numbers_of_all_kinds() {
    use rlibphonenumber::Region;

    use super::numbers::{e164, extension, last_digits};
    for (input, number, inside) in [
        ("+1 650 253 0000;ext=123", Some("+16502530000"), Some("123")),
        ("tel:+41446681800;ext=12;isub=3", Some("+41446681800"), Some("12")),
        ("+390612345678", Some("+390612345678"), None),
        ("＋1 ６50 253 0000", Some("+16502530000"), None),
        ("+1 650 253 0000 x123", Some("+16502530000"), Some("123")),
        ("+1 650 253 0000 ext. 123", Some("+16502530000"), Some("123")),
        ("+1 650 253 0000 #12", Some("+16502530000"), Some("12")),
        ("+1 650 253 0000,,123", Some("+16502530000"), Some("123")),
        ("\u{202A}+41\u{A0}44\u{2011}668\u{AD}1800\u{202C}", Some("+41446681800"), None),
        ("+41 (0)44 668 18 00", Some("+41446681800"), None),
        ("0041 44 668 18 00", Some("+41446681800"), None),
        ("044 668 18 00", Some("+41446681800"), None),
        ("+33 1 42 68 53 00 poste 12", Some("+33142685300"), Some("12")),
        ("+49 (89) 636-48018 -123", Some("+498963648018"), Some("123")),
        ("+49 89 63648018 Durchwahl 123", Some("+498963648018"), Some("123")),
        ("1001", None, Some("1001")),
        ("x1001", None, Some("1001")),
        ("Ext 1001", None, Some("1001")),
        ("044 668 18 00 / 079 123 45 67", Some("+41446681800"), None),
        ("+1 800 FLOWERS", None, None),
        ("+1 555 0100", None, None),
        ("none", None, None),
        ("", None, None),
        ("fax 1234", None, None),
        ("+", None, None),
    ] {
        assert_eq!(e164(input, Some(Region::CH)).as_deref(), number, "{input}");
        assert_eq!(extension(input).as_deref(), inside, "{input}");
    }
    assert_eq!(last_digits("٠٢٠ ٧٩٤٦ ٠١٢٣", 4).as_deref(), None, "other digits are none of a telephone");
}

#[test]
fn names_of_all_kinds() {
    use super::names::phone_names;
    for (name, expect) in [
        ("Ærøskøbing Ñandú", "A Nandu"),
        ("北京 李", "Bei Jing Li"),
        ("O’Neil, Pat", "Pat O'Neil"),
        ("Jean\u{2010}Luc Picard", "Jean-Luc Picard"),
        ("Anna  \u{200B}Berg\u{202E}", "Anna Berg"),
        ("Anna 😀 Berg", "Anna Berg"),
        ("(Sales)", "Sales"),
        ("Dr. J. Doe", "Dr. J. Doe"),
        ("Maximilian von Hohenzollern", "M Hohenzollern"),
        ("x", "x"),
    ] {
        assert_eq!(phone_names(name, None).first().map(String::as_str), Some(expect), "{name}");
    }
    for nobody in ["", "  ", "😀", "#?/", "()"] {
        assert!(phone_names(nobody, None).is_empty(), "{nobody}");
    }
    assert_eq!(phone_names("Admin", None)[0], "Admin 2", "a built-in user's name is not given");
    assert_eq!(phone_names("Anna van der Berg", Some(("Anna", "van der Berg")))[0], "A van der Berg");
    for name in phone_names("Christopher Montgomery-Smythe (UK)", None) {
        assert_eq!(rollcall_core::constraint::name(&name), Ok(()), "{name}");
    }
}
