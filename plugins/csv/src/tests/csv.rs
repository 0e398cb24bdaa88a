//! CSV files.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Error, Page};

use super::{attributes, findings, list, message, users};

fn read(file: &[u8], more: &str) -> Result<Vec<Page>, Error> {
    list("people.csv", file, more, 1000)
}

/// Reads a file of two columns and gives its rows.
fn rows(file: &str) -> Result<Vec<Vec<String>>, String> {
    let pages = read(file.as_bytes(), "").map_err(message)?;
    let text = |cell: &Cell| match cell {
        Cell::Text(text) => text.clone(),
        _ => String::new(),
    };
    let of = |page: &Page| -> Vec<Vec<String>> {
        let cells = page.changes.iter().map(|change| match change {
            rollcall_connector::Change::User(user) => user.cells.iter().map(text).collect(),
            other => panic!("{other:?}"),
        });
        cells.collect()
    };
    Ok(pages.iter().flat_map(of).collect())
}

#[test]
fn a_file_is_read_in_pages() {
    let file = "\u{feff}id, name ,phone\r\n1,\"Turanga\nLeela\",\r\n2,Zoë,2001\r\n3,x,y";
    let pages = list("people.csv", file.as_bytes(), "", 2).unwrap();
    assert_eq!(pages.iter().map(|page| page.changes.len()).collect::<Vec<_>>(), [2, 1, 0]);
    assert_eq!(pages[0].columns, ["id", "name", "phone"]);
    assert!(pages[1].end.is_none() && pages[2].end.is_some());
    let text = |name: &str, text: &str| (name.to_owned(), Cell::Text(text.to_owned()));
    let users = users(&pages);
    assert_eq!(users[0], ("1".to_owned(), vec![text("id", "1"), text("name", "Turanga\nLeela")]));
    assert_eq!(users[1].1[1], text("name", "Zoë"));
}

#[test]
fn rows_are_what_the_rfc_says() {
    let check = |text: &str, expect: &[&[&str]]| {
        let expect: Vec<Vec<&str>> = expect.iter().map(|row| row.to_vec()).collect();
        for blank in 0..5 {
            let file = format!("{}id,b{text}", "\n".repeat(blank));
            assert_eq!(rows(&file).unwrap(), expect, "{file:?}");
        }
    };
    check("", &[]);
    check("\n1,2", &[&["1", "2"]]);
    check("\r\n1,2\r\n", &[&["1", "2"]]);
    check("\r1,2\r", &[&["1", "2"]]);
    check("\n\n\n1,2\n\n", &[&["1", "2"]]);
    check("\n1,", &[&["1", ""]]);
    check("\n1,2\n,\n , \n".trim_end_matches(" , \n"), &[&["1", "2"]]);
    check("\n\"1\"\"x\",\"c,d\"", &[&["1\"x", "c,d"]]);
    check("\n1,\"a\r\nb\nc\"\r\n2,d", &[&["1", "a\r\nb\nc"], &["2", "d"]]);
    check("\n5\" pipe,x", &[&["5\" pipe", "x"]]);
    check("\n1,\"\"", &[&["1", ""]]);
    check("\n1,\"\"\"\"", &[&["1", "\""]]);
}

#[test]
fn other_files_than_the_usual_one_are_read() {
    let semicolons = ", \"delimiter\": \";\", \"id_column\": \"nr\", \"encoding\": \"latin1\"";
    let users = users(&read(b"nr;name\n7;Zo\xeb", semicolons).unwrap());
    assert_eq!((users[0].0.as_str(), &users[0].1[1].1), ("7", &Cell::Text("Zoë".into())));
    assert_eq!(read(b"id\n", "").unwrap()[0].changes.len(), 0);
}

#[test]
fn every_encoding_is_read() {
    let check = |encoding: &str, file: &[u8], expect: &str| {
        let more =
            if encoding.is_empty() { String::new() } else { format!(", \"encoding\": \"{encoding}\"") };
        let users = users(&read(file, &more).unwrap_or_else(|error| panic!("{}", message(error))));
        assert_eq!(users[0].1[1].1, Cell::Text(expect.to_owned()), "{encoding}");
    };
    check("", "id,name\n1,Zoë €".as_bytes(), "Zoë €");
    check("", "\u{feff}id,name\n1,Zoë".as_bytes(), "Zoë");
    check("windows-1252", b"id,name\n1,Zo\xeb \x80", "Zoë €");
    check("windows-1250", b"id,name\n1,\xa3ukasz", "Łukasz");
    check("latin1", b"id,name\n1,Zo\xeb", "Zoë");
    check("iso-8859-15", b"id,name\n1,\xa4", "€");
    let sixteen = |units: fn(u16) -> [u8; 2]| -> Vec<u8> {
        "\u{feff}id,name\n1,Zoë 📞\n".encode_utf16().flat_map(units).collect()
    };
    for encoding in ["", "utf-16"] {
        check(encoding, &sixteen(u16::to_le_bytes), "Zoë 📞");
        check(encoding, &sixteen(u16::to_be_bytes), "Zoë 📞");
    }
}

#[test]
fn bytes_of_another_encoding_are_named_with_their_place() {
    let check = |encoding: &str, file: &[u8], expect: &str| {
        let error = read(file, &format!(", \"encoding\": \"{encoding}\"")).unwrap_err();
        assert_eq!(message(error), expect);
    };
    check(
        "utf-8",
        b"id,name\n1,Ann\n2,Zo\xeb\n",
        "`people.csv` line 3: the byte 0xEB (`ë` in windows-1252) is not utf-8 (column 5): \
         save the file as UTF-8, or set `encoding = \"windows-1252\"`",
    );
    check(
        "utf-8",
        b"id,Gr\xf6\xdfe\n1,2\n",
        "encoding: `people.csv` line 1: the byte 0xF6 (`ö` in windows-1252) is not utf-8 (column 6) \
         (save the file as UTF-8, or set `encoding = \"windows-1252\"`)",
    );
    // Among other mistakes of the rows it is one of them.
    check(
        "utf-8",
        b"id,name\n1\n2,Zo\xeb\n",
        "`people.csv` line 2: 1 cell where the header has 2; \
         `people.csv` line 3: the byte 0xEB (`ë` in windows-1252) is not utf-8 (column 5): \
         save the file as UTF-8, or set `encoding = \"windows-1252\"`",
    );
    check(
        "windows-1252",
        b"id\r\n\x81",
        "`people.csv` line 2: the byte 0x81 is no character of windows-1252 (column 1): \
         save the file as UTF-8, or set the `encoding` that it has",
    );
    check(
        "latin1",
        b"\xef\xbb\xbfid\n",
        "encoding: `people.csv` begins with the mark of utf-8, and is to be read as latin1 (write `encoding = \"utf-8\"`)",
    );
    check(
        "utf-16",
        b"i\0d\0",
        "encoding: `people.csv` has no byte order mark, so it is not the UTF-16 that spreadsheets write \
         (leave `encoding` out, or save the file as UTF-8)",
    );
}

#[test]
fn utf8_is_never_read_as_an_old_encoding() {
    let check = |name: &str, file: &str, encoding: &str, expect: &str| {
        let error = list(name, file.as_bytes(), &format!(", \"encoding\": \"{encoding}\""), 1).unwrap_err();
        let expect = format!(
            "`{name}`: it is to be read as {encoding} and is utf-8 throughout, so that {expect}; write `encoding = \"utf-8\"`"
        );
        assert_eq!(error, Error::Permanent(expect));
    };
    check("a.csv", "id,name\n1,Ann\n2,Jürgen\n3,Bob\n", "windows-1252", "`ü` would become `Ã¼`");
    check("a.csv", "id,name\n1,Michał", "windows-1250", "`ł` would become `Ĺ‚`");
    check("a.json", "[{\"id\": \"é\"}]\n", "latin1", "`é` would become `Ã©`");
    check("a.ndjson", "{\"id\": 1, \"n\": \"’\"}\n{\"id\": 2}", "windows-1252", "`’` would become `â€™`");
    // `Á` has a byte that is nothing in windows-1252.
    let error = message(read("id,name\n1,Á\n".as_bytes(), ", \"encoding\": \"windows-1252\"").unwrap_err());
    assert!(
        error.contains("line 2: the byte 0x81") && error.contains("write `encoding = \"utf-8\"`"),
        "{error}"
    );
    // What is the encoding by chance is read.
    let both = "id,name\n1,É’\n2,x\n";
    let western = b"id,name\n1,CAF\xc9\x92S\n2,Zo\xeb\n";
    assert_eq!(
        users(&read(western, ", \"encoding\": \"windows-1252\"").unwrap())[0].1[1].1,
        Cell::text("CAFÉ’S")
    );
    assert_eq!(users(&read(both.as_bytes(), "").unwrap())[0].1[1].1, Cell::text("É’"));
}

#[test]
fn all_mistakes_of_a_header_are_told_at_once() {
    let check = |file: &[u8], more: &str, expect: &[&str]| {
        let error = read(file, more).unwrap_err();
        assert_eq!(message(error), expect.join("\n"));
    };
    check(
        b"\nid,,name,id,a\"b,\"x\ny\"\n",
        ", \"id_column\": \"Name\"",
        &[
            "path: `people.csv` line 2: column 2 has no name (name it, or remove the column from the file)",
            "path: `people.csv` line 2: the columns 1 and 4 are both called `id` (give one of them another name)",
            "path: `people.csv` line 2: column 6 has a name with a line break, or one of over 256 bytes \
             (write its name on one line; is this line the header?)",
            "id_column: `people.csv` line 2: there is no column `Name` (did you mean `id_column = \"name\"`?)",
        ],
    );
    check(
        b"nr;name\n1;x\n",
        "",
        &[
            "id_column: `people.csv` line 1: there is no column `id` (it has one column, `nr;name`: write `delimiter = \";\"`)",
        ],
    );
    check(
        b"id\tname\n",
        "",
        &[
            "id_column: `people.csv` line 1: there is no column `id` (it has one column, `id\tname`: write `delimiter = \"\\t\"`)",
        ],
    );
    for excel in [&b"sep=;\nid;name\n"[..], b"\"Sep=;\"\nid;name\n", b"sep=,\nid,name\n"] {
        let line = "path: `people.csv` line 1: it is Excel's `sep=`, and does not name the columns \
            (remove this line, or export the file without it; the delimiter is told with `delimiter`)";
        check(excel, "", &[line]);
    }
    check(
        b"sep=;\nid;name\n",
        ", \"delimiter\": \";\"",
        &["path: `people.csv` line 1: it is Excel's `sep=`, and does not name the columns \
            (remove this line, or export the file without it; the delimiter is told with `delimiter`)"],
    );
    check(
        b"nr,name\n",
        "",
        &["id_column: `people.csv` line 1: there is no column `id` (there are `nr`, `name`)"],
    );
}

#[test]
fn a_file_that_is_no_directory_is_refused() {
    let check = |file: &[u8], expect: &str| {
        let error = read(file, "").unwrap_err();
        assert_eq!(message(error), expect);
    };
    let empty = "the file `people.csv` is empty, so the directory was not read: its first line names the columns, such as `id,name`";
    check(b"", empty);
    check(b"\n\n", empty);
    check(b"\xef\xbb\xbf", empty);
    check(b"id,name\n1,a\n2", "`people.csv` line 3: 1 cell where the header has 2");
    check(b"id,name\n,a", "`people.csv` line 2: the column `id` is empty");
    check(b"id,name\n \t,a", "`people.csv` line 2: the column `id` is empty");
    check(b"id,name\n1,a\n\n2,b\n1,c", "`people.csv` line 5: the id `1` stands on line 2 too");
    check(b"id,name\n1,\"b\nc\nd", "`people.csv` line 2: a quote is never closed");
    check(b"id,name\n1,\"b\"c\n", "`people.csv` line 2: text follows a closing quote (column 6)");
    check(
        b"id,name\n1,a\0b\n",
        "`people.csv` line 2: a NUL character, which no CSV has: it is UTF-16, or damaged (column 4)",
    );
    let long = format!("id,name\n1,{}", "x".repeat(70_000));
    check(
        long.as_bytes(),
        "`people.csv` line 2: the line has a cell of more than 65536 bytes, or more than 1048576 in all",
    );
    check(&b",".repeat(1000), "`people.csv` line 1: the line has more than 1000 cells");
}

#[test]
fn all_broken_rows_are_told_at_once() {
    let file = "id,name\n1,a,b\n2,a\n3\n\"x\ny\",a\n,c\n2,d\n";
    let error = message(read(file.as_bytes(), "").unwrap_err());
    assert_eq!(
        error,
        "`people.csv` line 2: 3 cells where the header has 2; `people.csv` line 4: 1 cell where the header has 2; \
         `people.csv` line 7: the column `id` is empty; `people.csv` line 8: the id `2` stands on line 3 too"
    );
    let many = format!("id,name\n{}\"", "x\n".repeat(30));
    let error = message(read(many.as_bytes(), "").unwrap_err());
    assert!(error.ends_with("; `people.csv` line 32: a quote is never closed; and 20 more"), "{error}");
    assert_eq!(error.matches("1 cell where").count(), 10);
}

#[test]
fn a_cell_has_several_values_where_the_job_says_so() {
    let file = "id,groups,phones,note\n1, Sales | IT ||,\"+44 1\n+44 2\",a|b\n2,,x,\n";
    let more = ", \"many\": [\"groups\"], \"separator\": \"|\"";
    let found = users(&read(file.as_bytes(), more).unwrap());
    let texts = |all: &[&str]| Cell::Texts(all.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(found[0].1[1].1, texts(&["Sales", "IT"]));
    assert_eq!(found[0].1[3].1, Cell::Text("a|b".into()));
    assert_eq!(found[1].1.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["id", "phones"]);
    let by_line = ", \"many\": [\"phones\"], \"separator\": \"\\n\"";
    let found = users(&read(file.as_bytes(), by_line).unwrap());
    assert_eq!(found[0].1[2].1, texts(&["+44 1", "+44 2"]));
    let host = Host::new().file("a.csv", file.as_bytes());
    let described = attributes(&host, r#"{"path": "a.csv", "many": ["groups"], "separator": "|"}"#).unwrap();
    assert_eq!(described, ["groups Text*", "id Text", "note Text", "phones Text"]);
    let wrong = r#"{"path": "a.csv", "many": ["group"], "separator": "|"}"#;
    assert_eq!(
        message(attributes(&host, wrong).unwrap_err()),
        "many: `a.csv` has no attribute `group` (did you mean `groups`?)"
    );
}

#[test]
fn the_header_is_the_schema_and_the_rows_are_counted() {
    let host =
        Host::new().file("people.csv", b"id,name\n1,a\n2,b\n").file("old.csv", b"id,name\n1,CAF\xc9\x92S\n");
    let usual = "{\"path\": \"people.csv\"}";
    assert_eq!(attributes(&host, usual).unwrap(), ["id Text", "name Text"]);
    assert_eq!(findings(&host, usual), ["people.csv: 2 columns, 2 users (CSV in utf-8)"]);
    let wrong = findings(&host, r#"{"path": "old.csv", "encoding": "windows-1252"}"#);
    assert_eq!(wrong[1], "old.csv: it is read as windows-1252 and looks like utf-8");
}
