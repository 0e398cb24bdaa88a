//! Lists of people in files, as whoever exports them writes them: each format and encoding, each mistake, folders.

use rollcall_tests::harness::{Output, TestEnv};
use serde_json::Value;

use crate::env;

/// Writes a job over a file; `settings` are further lines.
fn job(env: &TestEnv, path: &str, settings: &str) {
    let rules = "rule(\"All\", #{ start_extension: 2000, end_extension: 2999, extension_type: \"SIP\" });";
    env.write("provisioning.rhai", rules);
    env.write(
        "job.toml",
        format!(
            "name = \"Files\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"{path}\"\n{settings}\n\
             [phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n[fields]\nuser_identification = \"id\"\n\
             name = \"names::phone_name(name)\"\nfull_name = \"name\"\n[rules]\nfiles = [\"provisioning.rhai\"]\n\
             [synchronize]\nnew = true\nupdate = true\ndelete = true\n"
        ),
    );
}

/// Makes a machine with one file and a job over it.
fn machine(path: &str, content: &[u8], settings: &str) -> TestEnv {
    let env = env();
    env.write(path, content);
    job(&env, path, settings);
    env
}

/// Gives the full names of the users that a preview would make.
fn names(env: &TestEnv) -> Vec<String> {
    let preview = env.run(&["preview", "job.toml", "--json"]).success();
    let created = preview.changes("create");
    created.iter().map(|user| user["fields"]["full_name"]["to"].as_str().unwrap().to_owned()).collect()
}

/// Demands that a preview ends with exactly one error, with this code, message and hint.
fn refused(env: &TestEnv, exit: i32, code: &str, message: &str, hint: &str) {
    let preview = env.run(&["preview", "job.toml", "--json"]).exits(exit);
    let json = preview.json();
    let errors: Vec<&Value> =
        json["diagnostics"].as_array().unwrap().iter().filter(|found| found["severity"] == "error").collect();
    let [error] = errors.as_slice() else { panic!("{}", preview.stdout) };
    assert_eq!((error["code"].as_str(), error["message"].as_str()), (Some(code), Some(message)));
    assert!(error["hint"].as_str().unwrap_or_default().contains(hint), "{error}");
    assert!(!env.path("office.db").exists(), "a refused reading made a phone system");
}

#[test]
fn each_encoding_is_read() {
    let check = |settings: &str, content: &[u8]| {
        let env = machine("people.csv", content, settings);
        assert_eq!(names(&env), ["Łukasz Zoë"], "{settings}");
    };
    let text = "id,name\n1,Łukasz Zoë\n";
    check("", text.as_bytes());
    check("", format!("\u{feff}{text}").as_bytes());
    check("encoding = \"windows-1250\"", b"id,name\r\n1,\xa3ukasz Zo\xeb\r\n");
    let sixteen: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("encoding = \"utf-16\"", &sixteen);
    check("", &sixteen);
    let western = |encoding: &str, euro: u8| {
        let env = machine("people.csv", &[b"id,name\n1,Zo\xeb ", &[euro][..]].concat(), encoding);
        let fields = env.run(&["fields", "job.toml", "--json"]).success();
        assert!(fields.stdout.contains("Zoë €"), "{}", fields.stdout);
    };
    western("encoding = \"windows-1252\"", 0x80);
    western("encoding = \"iso-8859-15\"", 0xa4);
    let env = machine("people.csv", b"id,name\n1,Zo\xeb\n", "encoding = \"latin1\"");
    assert_eq!(names(&env), ["Zoë"]);
}

#[test]
fn each_format_is_read() {
    let check = |path: &str, content: &str, settings: &str| {
        let env = machine(path, content.as_bytes(), settings);
        assert_eq!(names(&env), ["Ann Berg", "Bob Lee"], "{path}");
        let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
        assert_eq!(run.figure("applied"), 2);
        let again = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
        assert_eq!((again.figure("unchanged"), again.figure("applied")), (2, 0));
    };
    check("people.csv", "id;name\n1;\"Ann Berg\"\n2;Bob Lee", "delimiter = \";\"");
    check("people.dat", "id\tname\n1\tAnn Berg\n2\tBob Lee", "delimiter = \"\\t\"");
    check("people.json", r#"[{"id": 1, "name": "Ann Berg"}, {"name": "Bob Lee", "id": 2}]"#, "");
    check(
        "people.ndjson",
        "{\"id\": \"1\", \"name\": \"Ann Berg\"}\n\n{\"id\": \"2\", \"name\": \"Bob Lee\"}\n",
        "",
    );
    check(
        "people.txt",
        r#"{"at": 1, "data": {"staff": [{"id": "1", "name": "Ann Berg"}, {"id": "2", "name": "Bob Lee"}]}}"#,
        "format = \"json\"\nrecords = \"data.staff\"",
    );
}

#[test]
fn each_mistake_is_named_with_its_place_and_remedy() {
    let settings_wrong = |content: &[u8], settings: &str, message: &str, hint: &str| {
        refused(&machine("people.csv", content, settings), 12, "E0302", message, hint);
    };
    settings_wrong(
        b"id;name\n1;Ann\n",
        "",
        "`people.csv` line 1: there is no column `id`",
        "write `delimiter = \";\"`",
    );
    settings_wrong(
        b"ID,name\n",
        "",
        "`people.csv` line 1: there is no column `id`",
        "did you mean `id_column = \"ID\"`?",
    );
    settings_wrong(b"id,name,\n", "", "`people.csv` line 1: column 3 has no name", "remove the column");
    settings_wrong(
        b"id,Gr\xf6\xdfe\n",
        "",
        "`people.csv` line 1: the byte 0xF6 (`ö` in windows-1252) is not utf-8 (column 6)",
        "set `encoding = \"windows-1252\"`",
    );
    refused(
        &machine("people.csv", b"id,name\n1,Ann\n2,Zo\xeb\n", ""),
        13,
        "E0307",
        "`people.csv` line 3: the byte 0xEB (`ë` in windows-1252) is not utf-8 (column 5): \
         save the file as UTF-8, or set `encoding = \"windows-1252\"`",
        "nothing was applied",
    );
    settings_wrong(
        b"id,name,groups\n",
        "many = [\"group\"]\nseparator = \"|\"",
        "`people.csv` has no attribute `group`",
        "did you mean `groups`?",
    );
    settings_wrong(
        b"id,name,groups\n",
        "many = [\"groups\"]",
        "nothing says where one value ends and the next begins",
        "separator = \"|\"",
    );
    let broken = |path: &str, content: &str, message: &str| {
        refused(&machine(path, content.as_bytes(), ""), 13, "E0307", message, "nothing was applied");
    };
    broken(
        "people.csv",
        "id,name\n1,Ann,x\n2\n3,\"a\nb\"\n1,c\n",
        "`people.csv` line 2: 3 cells where the header has 2; `people.csv` line 3: 1 cell where the header has 2",
    );
    broken(
        "people.csv",
        "id,name\n3,\"a\nb\"\n3,c\n",
        "`people.csv` line 4: the id `3` stands on line 2 too",
    );
    broken("people.csv", "id,name\n1,\"Ann\n2,Bob\n", "`people.csv` line 2: a quote is never closed");
    refused(
        &machine("people.csv", "id,name\n1,Jürgen\n".as_bytes(), "encoding = \"windows-1252\""),
        13,
        "E0307",
        "`people.csv`: it is to be read as windows-1252 and is utf-8 throughout, so that `ü` would become `Ã¼`; \
         write `encoding = \"utf-8\"`",
        "nothing was applied",
    );
    broken(
        "people.ndjson",
        "{\"id\": 1, \"name\": \"Ann\"}\n{\"id\": 2,\n",
        "`people.ndjson` line 2: the line ends where a key in quotes is due (column 10)",
    );
    broken(
        "people.json",
        "[{\"id\": 1, \"name\": \"Ann\",\n\"name\": \"Bob\"}]",
        "`people.json` line 2: the key `name` stands twice in one object (column 7)",
    );
}

#[test]
fn a_key_that_no_object_has_is_a_mistake_and_one_that_the_last_has_is_none() {
    let file = "{\"id\": 1, \"name\": \"Ann\"}\n{\"id\": 2, \"name\": \"Bob\", \"phone\": [2001, 2002]}\n";
    let env = machine("people.ndjson", file.as_bytes(), "");
    let job = env.read("job.toml").replace("[rules]", "[rules]\nnumber_precedence = \"directory\"");
    env.write("job.toml", job.replace("[rules]", "extension = \"numbers::last_digits(phone, 4)\"\n[rules]"));
    let preview = env.run(&["preview", "job.toml", "--json"]).success();
    assert_eq!(preview.changes("create")[1]["extension"], "2001");
    env.write("job.toml", job.replace("[rules]", "extension = \"numbers::last_digits(phones, 4)\"\n[rules]"));
    let _ = env.run(&["check", "job.toml"]).exits(12).says("E0205").says("there is id, name, phone");
}

#[test]
fn a_key_that_is_a_text_for_one_is_a_text_for_all() {
    let file = r#"[{"id": 1001, "site": 10, "name": "Ann"}, {"id": "1002", "site": "10", "name": "Bob"}]"#;
    let env = machine("people.json", file.as_bytes(), "");
    let job = env.read("job.toml");
    let names_of = "full_name = \"if site == `10` { name } else { `elsewhere` }\"";
    env.write("job.toml", job.replace("full_name = \"name\"", names_of));
    assert_eq!(names(&env), ["Ann", "Bob"]);
}

#[test]
fn several_values_in_a_cell_are_a_list() {
    let file = "id,name,groups\n1,Ann,Sales| Support |\n2,Bob,\n";
    let env = machine("people.csv", file.as_bytes(), "many = [\"groups\"]\nseparator = \"|\"");
    env.write(
        "office.toml",
        "[[system]]\nname = \"Main\"\nprimary = true\n[[group]]\nname = \"Sales\"\nextension = \"7001\"\nsystem = \"Main\"\n\
         [[group]]\nname = \"Support\"\nextension = \"7002\"\nsystem = \"Main\"\n",
    );
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    let job = env.read("job.toml");
    env.write("job.toml", job.replace("[rules]", "group_membership = \"groups\"\n[rules]"));
    let _ = env.run(&["fields", "job.toml"]).success().says("text (several)");
    let _ = env.run(&["sync", "job.toml", "--yes"]).success();
    let users = rollcall_tests::scene::users_of(&env, "office.db");
    assert_eq!(users[0]["groups"], serde_json::json!(["Sales", "Support"]));
    assert_eq!(users[1]["groups"], serde_json::json!([]));
}

#[test]
fn a_folder_of_exports_is_one_directory() {
    let env = machine("exports/leeds.csv", b"name,id\nBob Lee,2\n", "");
    job(&env, "exports/", "");
    env.write("exports/london.csv", "id,name,room\n1,Ann Berg,x\n");
    env.write("exports/.leeds.csv.swp", "x");
    env.write("exports/notes.txt.bak", "x");
    let _ = env
        .run(&["test-connection", "job.toml"])
        .success()
        .says("exports/leeds.csv: 2 columns, 1 user (CSV in utf-8)")
        .says("exports/london.csv: 3 columns, 1 user (CSV in utf-8)")
        .says("passed over, by the ending: `notes.txt.bak`");
    assert_eq!(names(&env), ["Ann Berg", "Bob Lee"]);
    env.write("exports/london.csv", "id,name,room\n2,Ann Berg,x\n");
    let twice = "`exports/london.csv` line 2: the id `2` stands on line 2 of `exports/leeds.csv` too";
    refused(&env, 13, "E0307", twice, "nothing was applied");
    job(&env, "exports", "");
    refused(&env, 13, "E0304", "`exports` is a folder", "write `exports/`");
}

#[cfg(unix)]
#[test]
fn nothing_beyond_the_folder_is_read() {
    let env = machine("exports/a.csv", b"id,name\n1,Ann\n", "");
    job(&env, "exports/", "");
    let secret = env.write("secret.csv", "id,name\n7,Secret\n");
    std::os::unix::fs::symlink(secret, env.path("exports/b.csv")).unwrap();
    let message = "the file `exports/b.csv` is a link out of the granted folder";
    refused(&env, 12, "E0303", message, "put the file itself there");
    let told: Output = env.run(&["fields", "job.toml"]).exits(12);
    let _ = told.hides("Secret");
}
