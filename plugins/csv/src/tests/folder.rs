//! Folders of files.

use rollcall_connector::testing::Host;

use super::{attributes, findings, message, users};
use crate::Csv;

#[test]
fn all_files_of_a_folder_are_one_directory() {
    let host = Host::new()
        .file("exports/b.csv", b"id,phone\n3,2003\n")
        .file("exports/A.CSV", b"name,id\nAnn,1\nBob,2\n")
        .file("exports/c.csv", b"id\n")
        .file("exports/read me.md", b"x")
        .file("other.csv", b"broken");
    let json = "{\"path\": \"exports/\"}";
    let pages = host.list::<Csv>(json, 1).unwrap();
    assert_eq!(users(&pages).iter().map(|user| user.0.as_str()).collect::<Vec<_>>(), ["1", "2", "3"]);
    assert_eq!((pages[0].columns.len(), &*pages[0].columns[0]), (2, "name"));
    assert_eq!(pages.iter().filter(|page| page.end.is_some()).count(), 1);
    assert_eq!(attributes(&host, json).unwrap(), ["id Text", "name Text", "phone Text"]);
    assert_eq!(
        findings(&host, json),
        [
            "exports/A.CSV: 2 columns, 2 users (CSV in utf-8)",
            "exports/b.csv: 2 columns, 1 user (CSV in utf-8)",
            "exports/c.csv: 1 column, 0 users (CSV in utf-8)",
            "exports/: passed over, by the ending: `read me.md`",
        ]
    );
}

#[test]
fn what_makes_a_folder_ambiguous_is_named() {
    let check = |host: Host, more: &str, expect: &str| {
        let error = host.list::<Csv>(&format!("{{\"path\": \"exports/\"{more}}}"), 9).unwrap_err();
        assert_eq!(message(error), expect);
    };
    let twice =
        || Host::new().file("exports/a.csv", b"id\n1\n2\n").file("exports/b.csv", b"id\n3\n1\n2\n2\n");
    check(
        twice(),
        "",
        "`exports/b.csv` line 3: the id `1` stands on line 2 of `exports/a.csv` too; \
         `exports/b.csv` line 4: the id `2` stands on line 3 of `exports/a.csv` too; \
         `exports/b.csv` line 5: the id `2` stands on line 4 too",
    );
    let both = || twice().file("exports/c.json", b"[]");
    check(
        both(),
        "",
        "format: the folder `exports/` has files of several formats (say with `format` which are meant: `csv`, `json`)",
    );
    assert_eq!(both().list::<Csv>("{\"path\": \"exports/\", \"format\": \"json\"}", 9).unwrap().len(), 1);
    check(
        Host::new(),
        "",
        "there is no CSV, JSON or NDJSON file in the folder `exports/`, so the directory was not read",
    );
    check(
        twice(),
        ", \"format\": \"ndjson\"",
        "there is no NDJSON file in the folder `exports/`, so the directory was not read",
    );
    let other = Host::new().file("exports/a.csv", b"id\n1\n").file("exports/b.csv", b"nr\n2\n");
    check(
        other,
        "",
        "id_column: `exports/b.csv` line 1: there is no column `id` (it has one column, `nr`; is `delimiter` right?)",
    );
    let objects = Host::new().file("exports/a.ndjson", b"{\"id\": 1}\n");
    check(
        objects,
        ", \"delimiter\": \";\"",
        "delimiter: only a CSV file has cells (remove it, or write `format = \"csv\"`)",
    );
    let many = Host::new().file("exports/a.csv", b"id,groups\n1,a\n");
    check(
        many,
        ", \"many\": [\"groups\"]",
        "many: nothing says where one value ends and the next begins (say what stands between two values, such as `separator = \"|\"`)",
    );
}
