//! JSON and NDJSON files.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Error, Page};

use super::{attributes, findings, list, message, users};

fn read(file: &str, more: &str) -> Result<Vec<Page>, Error> {
    list("people.json", file.as_bytes(), more, 1000)
}

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn texts(all: &[&str]) -> Cell {
    Cell::Texts(all.iter().map(|text| (*text).to_owned()).collect())
}

#[test]
fn values_are_typed_flat_and_exact() {
    let check = |value: &str, expect: &[(&str, Cell)]| {
        for blank in 0..5 {
            let file = format!("[{}{{\"id\":\"1\",\"v\":{value}}}]", " ".repeat(blank));
            let found = users(&read(&file, "").unwrap_or_else(|error| panic!("{}", message(error))));
            let expect: Vec<(String, Cell)> =
                expect.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect();
            assert_eq!(found[0].1[1..], expect, "{file}");
        }
    };
    check("null", &[]);
    check("\"\"", &[]);
    check("[]", &[]);
    check("{}", &[]);
    check("[null, \"\"]", &[]);
    check("true", &[("v", Cell::Boolean(true))]);
    check("42", &[("v", Cell::Integer(42))]);
    check("-9223372036854775808", &[("v", Cell::Integer(i64::MIN))]);
    check("9223372036854775808", &[("v", text("9223372036854775808"))]);
    check("0.10", &[("v", text("0.10"))]);
    check("1.0E+2", &[("v", text("1.0E+2"))]);
    check("-0", &[("v", text("-0"))]);
    check(r#""a\n\"\\\/\u00e9\ud83d\udcde""#, &[("v", text("a\n\"\\/é📞"))]);
    check("[\"a\", null, 2, true, 0.50]", &[("v", texts(&["a", "2", "true", "0.50"]))]);
    check(r#"{"a": {"b": 1}, "c": null}"#, &[("v.a.b", Cell::Integer(1))]);
    let mails = r#"[{"value": "a@x", "primary": true}, {"value": "b@x"}, "c@x"]"#;
    check(
        mails,
        &[("v.value", texts(&["a@x", "b@x"])), ("v.primary", texts(&["true"])), ("v", texts(&["c@x"]))],
    );
    check("[[1, 2], [3]]", &[("v", texts(&["1", "2", "3"]))]);
}

#[test]
fn keys_may_come_later_and_an_id_may_be_a_number_or_lie_deep() {
    let file = r#"[{"user": {"id": 7}, "a": 1}, {"b": "x", "user": {"id": "8"}}]"#;
    let pages = list("people.json", file.as_bytes(), ", \"id_column\": \"user.id\"", 1).unwrap();
    assert_eq!(pages[0].columns, ["user.id", "a"]);
    let found = users(&pages);
    assert_eq!((found[0].0.as_str(), found[1].0.as_str()), ("7", "8"));
    assert_eq!(found[1].1[1], ("b".to_owned(), text("x")));
}

#[test]
fn the_list_may_stand_under_keys() {
    let file =
        r#"{"n": 1, "data": {"more": [1, {"x": []}], "staff": [{"id": 1}, {"id": 2}], "z": {}}, "end": "x"}"#;
    assert_eq!(users(&read(file, ", \"records\": \"data.staff\"").unwrap()).len(), 2);
    assert_eq!(users(&read("\u{feff} [ ] \n", "").unwrap()).len(), 0);
    let check = |records: &str, expect: &str| {
        let more = if records.is_empty() { String::new() } else { format!(", \"records\": \"{records}\"") };
        assert_eq!(message(read(file, &more).unwrap_err()), expect);
    };
    check(
        "",
        "records: `people.json` line 1: there is an object where the list of users is due \
         (no key of it holds a list; name the one further inside, such as `records = \"data.users\"`)",
    );
    check(
        "staff",
        "records: `people.json` has no `staff` where `staff` leads (there are `data`, `end`, `n`)",
    );
    check(
        "data.stuff",
        "records: `people.json` has no `stuff` where `data.stuff` leads (did you mean `staff`?)",
    );
    check(
        "data",
        "records: `people.json` line 1: `data` is no list (it is an object that has `more`, `staff`, `z`)",
    );
    check(
        "n.x",
        "records: `people.json` line 1: no object is there that could have the `x` of `n.x` (name the key that holds the list)",
    );
    let top = read("[]", ", \"records\": \"staff\"").unwrap_err();
    assert!(message(top).ends_with("(remove `records`: the list stands at the top)"));
    let page = read("\n<!DOCTYPE html><html>", ", \"records\": \"data.staff\"").unwrap_err();
    let broken = "`people.json` line 2: `<` stands where the object that has `data` is due (column 1)";
    assert_eq!(page, Error::Permanent(broken.to_owned()));
    let one = read("{\"staff\": [], \"n\": 1}", "").unwrap_err();
    assert!(message(one).ends_with("(write `records = \"staff\"`)"));
    let lines = read("{\"id\": 1}\n{\"id\": 2}\n", "").unwrap_err();
    assert_eq!(
        message(lines),
        "format: `people.json` has several objects one after the other, not one list of them (write `format = \"ndjson\"`)"
    );
}

#[test]
fn what_is_no_json_is_named_with_its_place() {
    let check = |file: &str, expect: &str| {
        assert_eq!(message(read(file, "").unwrap_err()), format!("`people.json` line {expect}"), "{file}");
    };
    check("[{\"id\": 1},\n {\"id\": 2}", "2: the file ends where a `,` or `]` is due (column 11)");
    check("[{\"id\": 1},]", "1: `]` stands where the object of a user is due (column 12)");
    check("[{\"id\": 1 \"b\": 2}]", "1: `\"` stands where a `,` or `}` is due (column 11)");
    check("[{\"id\": 1,}]", "1: `}` stands where a key in quotes is due (column 11)");
    check("[{\"id\" 1}]", "1: `1` stands where a `:` is due (column 8)");
    check("[{\"id\": }]", "1: `}` stands where a value is due (column 9)");
    check("[{\"id\": 01}]", "1: `01` is no number of JSON (column 11)");
    check("[{\"id\": tru}]", "1: `}` stands where `true` is due (column 12)");
    check("[{\"id\": NaN}]", "1: `N` stands where a value is due (column 9)");
    check("[{\"id\": \"a\nb\"}]", "1: the line ends where a closing quote is due (column 11)");
    check("[{\"id\": \"a", "1: the file ends where a closing quote is due (column 11)");
    check(r#"[{"id": "\x"}]"#, "1: an escape that JSON does not have (column 12)");
    check(r#"[{"id": "\u00g0"}]"#, "1: an escape without its four hexadecimal digits (column 15)");
    check(r#"[{"id": "\ud83d"}]"#, "1: an escape that is half a character (column 17)");
    check(r#"[{"id": "\udcde"}]"#, "1: an escape that is half a character (column 16)");
    check("[1]", "1: `1` stands where the object of a user is due (column 2)");
    check("[{\"id\": 1}] x", "1: `x` stands where the end of the file is due (column 13)");
    check("\"x\"", "1: `\"` stands where a list of users is due (column 1)");
    check("[{\"id\": 1, \"a\": 1,\n\"a\": 2}]", "2: the key `a` stands twice in one object (column 4)");
    check("[{\"id\": 1, \"a.b\": 1, \"a\": {\"b\": 2}}]", "1: two keys lead to `a.b` (column 34)");
    check("[{\"id\": 1, \"\": 1}]", "1: the key `` is no name of an attribute (column 17)");
    let deep = format!("[{{\"id\": {}", "[".repeat(100_000));
    check(&deep, "1: more than 32 levels of objects and lists (column 41)");
    let long = format!("[{{\"id\": \"{}", "x".repeat(70_000));
    let told = message(read(&long, "").unwrap_err());
    assert!(told.starts_with("`people.json` line 1: a text of more than 65536 bytes"), "{told}");
    let wide = format!("[{{\"id\": [{}]}}]", "1,     ".repeat(200_000));
    let told = message(read(&wide, "").unwrap_err());
    assert!(told.starts_with("`people.json` line 1: `id` has more than 10000 values"), "{told}");
    let blank = format!("[{{\"id\": {}1}}]", " ".repeat(1_100_000));
    let told = message(read(&blank, "").unwrap_err());
    assert!(told.starts_with("`people.json` line 1: a user of more than 1048576 bytes"), "{told}");
}

#[test]
fn users_without_an_id_or_with_anothers_are_named() {
    let check = |file: &str, expect: &str| assert_eq!(message(read(file, "").unwrap_err()), expect);
    check(
        "[{\"ID\": 1}]",
        "id_column: `people.json` line 1: the user has no `id` (did you mean `id_column = \"ID\"`?)",
    );
    check(
        "[{\"id\": 1},\n{\"id\": true},\n{\"id\": 1},\n{}]",
        "`people.json` line 2: the user has no `id`, or one that is no text and no whole number; \
         `people.json` line 3: the id `1` stands on line 1 too; \
         `people.json` line 4: the user has no `id`, or one that is no text and no whole number",
    );
    check("", "the file `people.json` is empty, so the directory was not read");
    let bytes = list("people.json", b"[{\"id\": 1},\n {\"id\": \"Zo\xeb\"}]", "", 9).unwrap_err();
    assert_eq!(
        message(bytes),
        "`people.json` line 2: the byte 0xEB (`ë` in windows-1252) is not utf-8 (column 12): \
         save the file as UTF-8, or set `encoding = \"windows-1252\"`"
    );
}

#[test]
fn a_line_is_a_user() {
    let read = |file: &str| list("people.ndjson", file.as_bytes(), "", 1000);
    let file = "\n{\"id\": 1}\r\n \t\r\n\n{\"id\": \"2\", \"a\": [1,\t2]} \n{\"id\":3}";
    assert_eq!(
        users(&read(file).unwrap()).iter().map(|user| user.0.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3"]
    );
    let check = |file: &str, expect: &str| {
        let expect = format!("`people.ndjson` line {expect}");
        assert_eq!(message(read(file).unwrap_err()), expect, "{file}");
    };
    check("{\"id\": 1}\n\n{\"id\": 2,\n", "3: the line ends where a key in quotes is due (column 10)");
    check("{\"id\": 1} {\"id\": 2}\n", "1: `{` stands where the end of the line is due (column 11)");
    check("{\"id\": 1},\n", "1: `,` stands where the end of the line is due (column 10)");
    check("{\"id\": 1}\n{\"id\": 1}", "2: the id `1` stands on line 1 too");
    assert_eq!(
        message(
            read(
                "[
"
            )
            .unwrap_err()
        ),
        "format: `people.ndjson` line 1: a list stands where an object a line is due (write `format = \"json\"`)"
    );
    let empty = "the file `people.ndjson` is empty, so the directory was not read";
    assert_eq!(message(read("\n\n").unwrap_err()), empty);
}

#[test]
fn every_key_of_every_user_is_an_attribute() {
    let file = r#"[{"id": 1, "on": true, "n": 1, "groups": "a", "tags": ["x"], "none": null, "late": null},
        {"id": 2, "on": false, "n": "x", "groups": "b"}, {"id": 3, "late": {"at": 1}}]"#;
    let host = Host::new().file("people.json", file.as_bytes());
    let expect = [
        "groups Text*",
        "id Integer",
        "late Text",
        "late.at Integer",
        "n Text",
        "none Text",
        "on Boolean",
        "tags Text*",
    ];
    let json = "{\"path\": \"people.json\", \"many\": [\"groups\"]}";
    assert_eq!(attributes(&host, json).unwrap(), expect);
    assert_eq!(users(&host.list::<crate::Csv>(json, 9).unwrap())[0].1[3].1, texts(&["a"]));
    assert_eq!(findings(&host, json), ["people.json: 8 keys, 3 users (JSON in utf-8)"]);
}

#[test]
fn what_is_text_for_one_is_text_for_all() {
    let file = r#"[{"id": 1001, "site": 10, "on": true, "n": 5}, {"id": 1002, "site": "10", "on": "x", "n": 6},
        {"id": "1003", "site": null, "on": false, "n": [7]}, {"id": 1004, "m": 8}]"#;
    let host = Host::new().file("people.json", file.as_bytes());
    let json = "{\"path\": \"people.json\"}";
    assert_eq!(attributes(&host, json).unwrap(), ["id Text", "m Integer", "n Text*", "on Text", "site Text"]);
    let found = users(&host.list::<crate::Csv>(json, 1).unwrap());
    let named = |all: &[(&str, Cell)]| -> Vec<(String, Cell)> {
        all.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())).collect()
    };
    let first = [("id", text("1001")), ("site", text("10")), ("on", text("true")), ("n", text("5"))];
    assert_eq!(found[0].1, named(&first));
    assert_eq!(found[2].1, named(&[("id", text("1003")), ("on", text("false")), ("n", texts(&["7"]))]));
    assert_eq!(found[3].1, named(&[("id", text("1004")), ("m", Cell::Integer(8))]));
    // Also where the text is in another file.
    let host = Host::new().file("in/a.json", b"[{\"id\": 1}]").file("in/b.json", b"[{\"id\": \"2\"}]");
    let found = users(&host.list::<crate::Csv>("{\"path\": \"in/\"}", 9).unwrap());
    assert_eq!(found[0].1, named(&[("id", text("1"))]));
}
