//! The whole connector on files that were written down.

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Error, Page};

use crate::Csv;

fn list(file: &[u8], more: &str, max: u32) -> Result<Vec<Page>, Error> {
    let settings = format!("{{\"path\": \"people.csv\"{more}}}");
    Host::new().file("people.csv", file).list::<Csv>(&settings, max)
}

fn message(error: Error) -> String {
    match error {
        Error::Permanent(message) => message,
        Error::InvalidSettings(faults) => faults
            .iter()
            .map(|fault| format!("{}: {}", fault.setting, fault.message))
            .collect::<Vec<_>>()
            .join("; "),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_read_in_pages() {
    let file = "\u{feff}id, name ,phone\r\n1,\"Turanga\nLeela\",\r\n2,Zoë,2001\r\n3,x,y";
    let pages = list(file.as_bytes(), "", 2).unwrap();
    assert_eq!(pages.len(), 2);
    assert_eq!(pages[0].columns, ["id", "name", "phone"]);
    assert!(pages[0].end.is_none() && pages[1].end.is_some());
    let Change::User(leela) = &pages[0].changes[0] else { panic!() };
    assert_eq!(leela.id, "1");
    assert_eq!(leela.cells, [Cell::Text("1".into()), Cell::Text("Turanga\nLeela".into()), Cell::None]);
}

#[test]
fn other_files_than_the_usual_one_are_read() {
    let pages = list(
        b"nr;name\n7;Zo\xeb",
        ", \"delimiter\": \";\", \"id_column\": \"nr\", \"encoding\": \"latin1\"",
        9,
    )
    .unwrap();
    let Change::User(user) = &pages[0].changes[0] else { panic!() };
    assert_eq!((user.id.as_str(), &user.cells[1]), ("7", &Cell::Text("Zoë".into())));
    assert_eq!(list(b"id\n", "", 9).unwrap()[0].changes.len(), 0);
}

#[test]
fn a_file_that_is_no_directory_is_refused() {
    let check = |file: &[u8], expect: &str| {
        let error = list(file, "", 100).unwrap_err();
        assert_eq!(message(error), expect);
    };
    let empty = "the file `people.csv` is empty, so the directory was not read: its first line names the columns, such as `id,name`";
    check(b"", empty);
    check(b"\n\n", empty);
    check(b"\xef\xbb\xbf", empty);
    check(b"id,,id\n", "path: column 2 of `people.csv` has no name; path: `people.csv` has two columns `id`");
    check(b"nr;name\n", "id_column: `people.csv` has no column `id`");
    check(b"id,name\n1,a\n2", "`people.csv` line 3: 1 cell where the header has 2");
    check(b"id,name\n,a", "`people.csv` line 2: the column `id` is empty");
    check(b"id,name\n1,a\n\n2,b\n1,c", "`people.csv` line 5: the id `1` stands on line 2 too");
    check(b"id\nZo\xeb", "encoding: line 2 of `people.csv` is not utf-8");
    check(b"\xff\xfei\0d\0", "path: `people.csv` is UTF-16");
}

#[test]
fn settings_and_a_missing_file_are_named() {
    for bad in ["", ",,", "\\\"", "\\n", "é"] {
        let error = list(b"id\n", &format!(", \"delimiter\": \"{bad}\""), 9).unwrap_err();
        assert!(message(error).starts_with("delimiter: "));
    }
    let error = Host::new().list::<Csv>("{\"path\": \"no.csv\"}", 9).unwrap_err();
    assert_eq!(message(error), "there is no file `no.csv`");
}

#[test]
fn the_header_is_the_schema_and_the_rows_are_counted() {
    let host = Host::new().file("people.csv", b"id,name\n1,a\n2,b\n");
    let settings = serde_json::from_str("{\"path\": \"people.csv\"}").unwrap();
    let names: Vec<_> =
        host.run(|| Csv::attributes(&settings)).unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["id", "name"]);
    assert_eq!(host.run(|| Csv::check(&settings)).unwrap().users, Some(2));
    assert_eq!(Csv::identity(&settings).unwrap(), "csv:people.csv");
}
