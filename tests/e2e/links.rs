//! Ownership by hand: `link`, `unlink`, `links list`, `links export` and `links import`.

use rollcall_tests::staff::{Staff, stands};
use serde_json::{Value, json};

use crate::env;

fn staff() -> Staff {
    let users = [
        stands("Front desk", "2001", ""),
        stands("Bert", "2002", ""),
        stands("2001 spare", "", ""),
        stands("NoUser", "", ""),
    ];
    let staff = Staff::new(env(), &users.concat());
    staff.people(&[
        "1,anna,Anna,Anna Berg,anna@x.example,2101,",
        "2,bert,Bert 2,Bert Ek,bert@x.example,2102,",
    ]);
    staff.job("");
    staff
}

fn links(staff: &Staff) -> Vec<Value> {
    let json = staff.env.run(&["links", "job.toml", "--json"]).success().json();
    json["links"].as_array().unwrap().clone()
}

#[test]
fn a_link_by_hand_is_quiet_and_the_next_sync_updates() {
    let staff = staff();
    let before = staff.user("Front desk");
    let run = staff.env.run(&["link", "job.toml", "anna", "front desk", "--json"]).success();
    assert_eq!((run.figure("adopt"), run.figure("applied")), (1, 1));
    assert_eq!(run.changes("adopt")[0]["matched_by"], "hand");
    let after = staff.user("Front desk");
    assert_eq!((&after["full_name"], &after["extension"]), (&before["full_name"], &before["extension"]));
    assert_eq!(staff.owner("Front desk"), "anna");
    let list = links(&staff);
    assert_eq!((list.len(), &list[0]["matched_by"], &list[0]["id"]), (1, &json!("hand"), &json!("1")));
    let _ = staff.env.run(&["links", "job.toml"]).success().says("linked by hand");

    let sync = staff.sync().success();
    assert_eq!((sync.figure("update"), sync.figure("create")), (1, 1), "bert is new, anna is updated");
    let user = staff.user("Front desk");
    assert_eq!((&user["full_name"], &user["extension"]), (&json!("Anna Berg"), &json!("2001")));
    let _ = staff
        .env
        .run(&["explain", "job.toml", "anna"])
        .success()
        .says("linked by hand")
        .says("adopt the user");
    let runs = staff.env.run(&["runs", "--json"]).success().json();
    let kinds: Vec<&Value> = runs["runs"].as_array().unwrap().iter().map(|run| &run["kind"]).collect();
    assert_eq!(kinds, [&json!("sync"), &json!("link")]);
}

#[test]
fn by_extension_by_guid_and_by_any_name_of_the_person() {
    let staff = staff();
    let guid = staff.user("Bert")["guid"].as_str().unwrap().to_owned();
    let _ = staff.env.run(&["link", "job.toml", "Bert Ek", &guid]).success();
    let _ = staff.env.run(&["link", "job.toml", "anna@x.example", "2001"]).success();
    assert_eq!((staff.owner("Bert"), staff.owner("Front desk")), (json!("bert"), json!("anna")));
    let again = staff.env.run(&["link", "job.toml", "anna", "2001", "--json"]).success();
    assert_eq!((again.figure("adopt"), again.figure("unchanged"), again.figure("applied")), (0, 1, 0));
}

#[test]
fn what_cannot_be_linked_says_why_and_changes_nothing() {
    let staff = staff();
    let _ = staff.env.run(&["link", "job.toml", "anna", "2001"]).success();
    for (user, phone, why) in [
        ("nobody", "2002", "the directory has no user `nobody`"),
        ("bert", "9999", "no phone user has the name, extension or GUID `9999`"),
        ("bert", "NoUser", "comes with the system"),
        ("bert", "2001", "is tied to `anna` already"),
        ("anna", "Bert", "`anna` is tied to `Front desk` already"),
    ] {
        let _ = staff.env.run(&["link", "job.toml", user, phone]).exits(1).says(why);
    }
    staff.named("other.toml", "Other", "");
    let _ =
        staff.env.run(&["link", "other.toml", "bert", "2001"]).exits(1).says("belongs to the job `Staff`");
    let _ =
        staff.env.run(&["link", "other.toml", "anna", "2002"]).exits(1).says("belongs to the job `Staff`");
    assert_eq!(links(&staff).len(), 1);
    let _ = staff.env.run(&["link", "job.toml", "anna"]).exits(64);
}

#[test]
fn unlink_lets_go_and_touches_no_telephone() {
    let staff = staff();
    let _ = staff.sync().success();
    let before = staff.user("Anna");
    let run = staff.env.run(&["unlink", "job.toml", "Anna", "--json"]).success();
    assert_eq!(run.figure("applied"), 1);
    let mut after = staff.user("Anna");
    assert_eq!(after["links"], Value::Null);
    after["links"] = before["links"].clone();
    assert_eq!(after, before);
    // Nobody owns the name now, so the person is not made a second time.
    let _ = staff.sync().exits(3).says("stands on the phone system");
    let _ = staff.env.run(&["unlink", "job.toml", "anna"]).exits(1).says("owns no phone user for `anna`");
}

#[test]
fn unlink_lets_users_go_that_are_gone_from_the_phone_system() {
    let staff = staff();
    // The office as SQLite keeps it: what was written last may stand in the log beside the file.
    let files = ["office.db", "office.db-wal"].map(|name| (name, std::fs::read(staff.env.path(name)).ok()));
    let _ = staff.sync().success();
    // Somebody restores the phone system's backup of the day before.
    for tail in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(staff.env.path(&format!("office.db{tail}")));
    }
    for (name, bytes) in files {
        bytes.map(|bytes| staff.env.write(name, bytes));
    }
    let _ = staff.sync().exits(5).says("vanished=2");
    let gone = staff.env.run(&["sync", "job.toml", "--yes", "--json", "--accept", "vanished=2"]).success();
    assert!(gone.codes().contains(&"E0413".to_owned()), "{:?}", gone.codes());
    assert!(links(&staff).iter().all(|link| link["stands"] == false));
    let _ = staff.env.run(&["links", "job.toml"]).success().says("deleted by hand");
    let _ = staff.env.run(&["unlink", "job.toml", "Anna"]).success().says("had been deleted by hand");
    let _ = staff.env.run(&["unlink", "job.toml", "bert@x.example"]).success();
    let made = staff.sync().success();
    assert_eq!((made.figure("create"), made.figure("applied")), (2, 2));
}

#[test]
fn links_go_out_and_come_back_into_a_new_state() {
    let mut staff = staff();
    staff.people(&[
        "1,=anna,Anna,Anna Berg,anna@x.example,2101,",
        "2,\"b,ert\",Bert 2,Bert Ek,bert@x.example,2102,",
    ]);
    let _ = staff.sync().success();
    let csv = staff.env.run(&["links", "export", "job.toml"]).success().stdout;
    assert!(csv.starts_with("user_identification,directory,id,guid,name,extension,matched_by\r\n"), "{csv}");
    assert!(csv.contains("'=anna,csv,1,") && csv.contains("\"b,ert\",csv,2,"), "{csv}");
    let _ = staff.env.run(&["links", "export", "job.toml", "--output", "links.csv"]).success();
    let _ = staff.env.run(&["links", "export", "job.toml", "--output", "links.jsonl"]).success();
    let before = links(&staff);

    for file in ["links.csv", "links.jsonl"] {
        staff.env.set("ROLLCALL_STATE", staff.env.path(&format!("state of {file}")).to_str().unwrap());
        assert!(links(&staff).is_empty());
        let dry = staff.env.run(&["links", "import", "job.toml", file, "--json"]).exits(64);
        assert_eq!((dry.figure("adopt"), dry.figure("applied"), links(&staff).len()), (2, 0, 0));
        let run = staff.env.run(&["links", "import", "job.toml", file, "--yes", "--json"]).success();
        assert_eq!((run.figure("adopt"), run.figure("applied")), (2, 2));
        let after = links(&staff);
        for (was, is) in before.iter().zip(&after) {
            assert_eq!((&was["guid"], &was["id"]), (&is["guid"], &is["id"]));
            assert_eq!(is["matched_by"], "import");
        }
        let again = staff.env.run(&["links", "import", "job.toml", file, "--yes", "--json"]).success();
        assert_eq!((again.figure("unchanged"), again.figure("applied")), (2, 0));
        assert_eq!(staff.sync().success().figure("applied"), 0);
    }
}

#[test]
fn an_import_that_is_wrong_anywhere_links_nobody() {
    let staff = staff();
    let _ = staff.env.run(&["link", "job.toml", "anna", "2001"]).success();
    for (file, lines, why) in [
        ("unknown column", "user_identification,mail\nbert,x\n", "unknown columns: mail"),
        (
            "nobody named",
            "user_identification,guid\nbert,\n",
            "line 2: neither `guid`, `name` nor `extension`",
        ),
        (
            "unknown GUID",
            "user_identification,guid\nbert,no-such\n",
            "line 2: no phone user has the GUID `no-such`",
        ),
        ("not read", "id,name\n77,Bert\n", "line 2: the directory has no user `77`"),
        ("of the system", "id,name\n2,NoUser\n", "comes with the system"),
        ("owned", "id,name\n2,Front desk\n", "is tied to `anna` already"),
        ("another link", "id,name\n1,Bert\n", "`anna` is tied to `Front desk` already"),
        ("twice", "id,name\n2,Bert\n2,2001 spare\n", "line 3: `bert` or `2001 spare` is named twice"),
        ("good and bad", "id,name\n2,Bert\n77,2001 spare\n", "line 3: the directory has no user `77`"),
        ("nothing", "id,name\n", "names no link"),
        ("bad JSON", "{\"id\": 2}\n", "line 1: invalid type"),
    ] {
        staff.env.write("links.csv", lines);
        let _ = staff.env.run(&["links", "import", "job.toml", "links.csv", "--yes"]).exits(12).says(why);
        assert_eq!(links(&staff).len(), 1, "{file}");
    }
    let _ =
        staff.env.run(&["links", "import", "job.toml", "none.csv", "--yes"]).exits(1).says("cannot be read");
}

#[test]
fn nothing_to_let_go_and_nothing_to_list() {
    let staff = staff();
    let _ = staff.env.run(&["unlink", "job.toml", "anna"]).exits(1);
    let _ = staff.env.run(&["links", "job.toml"]).success().says("owns no phone user yet");
    let _ = staff.env.run(&["link", "missing.toml", "anna", "2001"]).exits(12);
}
