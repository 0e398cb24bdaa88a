//! The whole connector on files that were written down.

mod csv;
mod folder;
mod json;
mod round_trip;

use rollcall_connector::testing::Host;
use rollcall_connector::{Cell, Change, Connector, Error, Page, User};

use crate::Csv;
use crate::settings::Settings;

/// Reads a file; `more` are further settings, each with a comma before it.
fn list(name: &str, file: &[u8], more: &str, max: u32) -> Result<Vec<Page>, Error> {
    let settings = format!("{{\"path\": \"{name}\"{more}}}");
    Host::new().file(name, file).list::<Csv>(&settings, max)
}

/// Gives the users of all pages, each with its values by name; what is none is left out.
fn users(pages: &[Page]) -> Vec<(String, Vec<(String, Cell)>)> {
    let named = |page: &Page, user: &User| {
        let all = page.columns.iter().cloned().zip(user.cells.iter().cloned());
        (user.id.clone(), all.filter(|(_, cell)| *cell != Cell::None).collect())
    };
    let each = |page: &Page| -> Vec<_> {
        page.changes
            .iter()
            .map(|change| match change {
                Change::User(user) => named(page, user),
                other => panic!("{other:?}"),
            })
            .collect()
    };
    pages.iter().flat_map(each).collect()
}

/// Gives an error as its message, or as `setting: message (hint)` for each setting.
fn message(error: Error) -> String {
    match error {
        Error::Permanent(message) => message,
        Error::InvalidSettings(faults) => faults
            .iter()
            .map(|fault| match &fault.hint {
                Some(hint) => format!("{}: {} ({hint})", fault.setting, fault.message),
                None => format!("{}: {}", fault.setting, fault.message),
            })
            .collect::<Vec<_>>()
            .join("\n"),
        other => panic!("{other:?}"),
    }
}

fn settings(json: &str) -> Settings {
    serde_json::from_str(json).unwrap()
}

/// Gives the attributes as `name kind`, with a `*` for several values.
fn attributes(host: &Host, json: &str) -> Result<Vec<String>, Error> {
    let described = host.run(|| Csv::attributes(&settings(json)))?;
    let one = |info: &rollcall_connector::AttributeInfo| {
        let kind = format!("{:?}", info.kind).replace("Kind::", "");
        format!("{} {kind}{}", info.name, if info.many { "*" } else { "" })
    };
    Ok(described.iter().map(one).collect())
}

fn findings(host: &Host, json: &str) -> Vec<String> {
    let connection = host.run(|| Csv::check(&settings(json))).unwrap();
    connection.findings.iter().map(|finding| format!("{}: {}", finding.subject, finding.message)).collect()
}

#[test]
fn mistakes_that_need_no_file_are_named() {
    let check = |json: &str, expect: &[&str]| {
        let faults = Csv::validate(&settings(json));
        let names: Vec<&str> = faults.iter().map(|fault| fault.setting.as_str()).collect();
        assert_eq!(names, expect, "{json}");
        assert!(faults.iter().all(|fault| fault.setting == "id_column" || !fault.message.is_empty()));
    };
    for bad in ["", ",,", "\\\"", "\\n", "é", "x", "7", " "] {
        check(&format!("{{\"path\": \"a.csv\", \"delimiter\": \"{bad}\"}}"), &["delimiter"]);
    }
    check(r#"{"path": "a.csv", "id_column": ""}"#, &["id_column"]);
    check(r#"{"path": "a.csv", "many": ["groups"]}"#, &["many"]);
    check(r#"{"path": "a.csv", "many": ["groups"], "separator": "|"}"#, &[]);
    check(r#"{"path": "a.csv", "many": ["groups"], "separator": ""}"#, &["separator"]);
    check(r#"{"path": "a.csv", "separator": "|"}"#, &["separator"]);
    check(r#"{"path": "a.json", "many": ["groups"]}"#, &[]);
    check(r#"{"path": "a.json", "delimiter": ","}"#, &[]);
    check(r#"{"path": "a.json", "delimiter": ";"}"#, &["delimiter"]);
    check(r#"{"path": "a.jsonl", "many": ["groups"], "separator": "|"}"#, &["separator"]);
    check(r#"{"path": "in/", "many": ["groups"], "separator": "|"}"#, &[]);
    check(r#"{"path": "a.csv", "records": "staff"}"#, &["records"]);
    check(r#"{"path": "a.jsonl", "records": "staff"}"#, &["records"]);
    check(r#"{"path": "a.json", "records": "data..staff"}"#, &["records"]);
    check(r#"{"path": "a.txt", "format": "json", "records": "data.staff"}"#, &[]);
}

#[test]
fn a_missing_file_is_named() {
    let error = Host::new().list::<Csv>("{\"path\": \"no.csv\"}", 9).unwrap_err();
    assert_eq!(message(error), "there is no file `no.csv`");
    assert_eq!(Csv::identity(&settings("{\"path\": \"people.csv\"}")).unwrap(), "csv:people.csv");
}
