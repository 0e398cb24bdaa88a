//! What is written is read back the same, whatever it is; and nothing that is read makes the connector fall over.

use proptest::prelude::*;
use rollcall_connector::Cell;

use super::{list, users};

/// Users with an id each and cells in two columns.
fn table() -> impl Strategy<Value = Vec<(String, String)>> {
    let cell = prop_oneof!["[a-zé📞 ,;\"\r\n|\\\\]{0,12}", "[^\0]{0,6}"];
    proptest::collection::vec((cell.clone(), cell), 0..6)
}

/// Gives what must come back: the values that are not empty.
fn expected(rows: &[(String, String)]) -> Vec<(String, Vec<(String, Cell)>)> {
    let named =
        |name: &str, text: &str| Some((name.to_owned(), Cell::text(text))).filter(|_| !text.is_empty());
    let user = |(at, (one, two)): (usize, &(String, String))| {
        let id = format!("u{at}");
        let cells = [named("id", &id), named("one", one), named("two", two)];
        (id.clone(), cells.into_iter().flatten().collect())
    };
    rows.iter().enumerate().map(user).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// What the formats are made of.
const PIECES: &[&str] = &[
    "[", "]", "{", "}", "\"", "\"id\"", ":", ",", "\\", "\\u", "d83d", "dcde", "1", "-", "0.", "e", "true",
    "null", " ", "\n", "\r", "\0", "é",
];

proptest! {
    #[test]
    fn csv_comes_back(rows in table(), delimiter in "[,;|]", ends in "\r\n|\n|\r", max in 1_u32..4) {
        let mut file = format!("id{delimiter}one{delimiter}two{ends}");
        for (at, (one, two)) in rows.iter().enumerate() {
            file.push_str(&format!("u{at}{delimiter}{}{delimiter}{}{ends}", quoted(one), quoted(two)));
        }
        let more = format!(", \"delimiter\": \"{delimiter}\"");
        let pages = list("a.csv", file.as_bytes(), &more, max).unwrap();
        prop_assert_eq!(users(&pages), expected(&rows));
        let mut sixteen = vec![0xff, 0xfe];
        sixteen.extend(file.encode_utf16().flat_map(u16::to_le_bytes));
        prop_assert_eq!(users(&list("a.csv", &sixteen, &more, max).unwrap()), expected(&rows));
    }

    #[test]
    fn json_comes_back(rows in table(), max in 1_u32..4) {
        let user = |(at, (one, two)): (usize, &(String, String))| {
            serde_json::json!({ "id": format!("u{at}"), "one": one, "two": two })
        };
        let all: Vec<serde_json::Value> = rows.iter().enumerate().map(user).collect();
        let pretty = serde_json::to_vec_pretty(&all).unwrap();
        prop_assert_eq!(users(&list("a.json", &pretty, "", max).unwrap()), expected(&rows));
        let lines: String = all.iter().map(|user| format!("{user}\n")).collect();
        let read = list("a.ndjson", lines.as_bytes(), "", max);
        if rows.is_empty() {
            prop_assert!(read.is_err());
        } else {
            prop_assert_eq!(users(&read.unwrap()), expected(&rows));
        }
    }

    #[test]
    fn nothing_that_is_read_is_too_much(
        bytes in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            proptest::collection::vec(proptest::sample::select(PIECES), 0..40)
                .prop_map(|pieces| pieces.concat().into_bytes()),
        ],
        name in prop_oneof![Just("a.csv"), Just("a.json"), Just("a.ndjson")],
        encoding in prop_oneof![Just("utf-8"), Just("utf-16"), Just("windows-1250"), Just("latin1")],
    ) {
        // Whatever comes of it, it ends: with pages of which the last one says so, or with an error.
        for start in [&b""[..], b"id,a\n", b"[{\"id\":", b"\xff\xfe"] {
            let file = [start, &bytes].concat();
            if let Ok(pages) = list(name, &file, &format!(", \"encoding\": \"{encoding}\""), 3) {
                prop_assert!(pages.last().is_some_and(|page| page.end.is_some()));
            }
        }
    }
}
