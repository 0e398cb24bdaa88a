//! The embedded store against the contract suite, and what only it has: room, licences, files, elements, speed.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use rollcall_core::field::Fields;
use rollcall_core::ops::Write;
use rollcall_core::phone::Standing;
use rollcall_core::{Field, Guid, Text};
use rollcall_edges::office::{Locator, Office, OfficeError};
use rollcall_edges::office_suite;

use super::{Embedded, EmbeddedUser, IfMatch};
use crate::import::{GroupEntry, LicenceEntry, Mode, OfficeFile, UserEntry, parse};
use crate::model;

fn of(standing: Standing) -> OfficeFile {
    OfficeFile {
        systems: standing.systems,
        groups: standing
            .groups
            .into_iter()
            .map(|group| GroupEntry {
                name: group.name,
                extension: group.extension,
                system: group.system,
                members: Vec::new(),
            })
            .collect(),
        user_templates: standing.user_templates.into_values().collect(),
        extension_templates: standing.extension_templates.into_values().collect(),
        ..OfficeFile::default()
    }
}

fn fields(name: &str, number: &str) -> Fields {
    [(Field::Name, name.into()), (Field::Extension, number.into())].into()
}

fn create(name: &str, number: &str, template: Option<&str>) -> Write {
    Write::CreateUser {
        fields: fields(name, number),
        system: "Primary".into(),
        template: template.map(Text::from),
    }
}

fn office(folder: &Path, file: &OfficeFile) -> Embedded {
    Embedded::create(&folder.join("office.db"), file).unwrap()
}

/// Does something by hand to the file.
fn sql(office: &Embedded, sql: &str) {
    office.database.with(|connection| connection.execute_batch(sql)).unwrap();
}

#[tokio::test]
async fn the_store_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let number = std::sync::atomic::AtomicU32::new(0);
    let make = || async {
        let number = number.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(format!("{number}.db"));
        let office = Embedded::create(&path, &of(office_suite::beginning())).unwrap();
        Box::new(office) as Box<dyn Office>
    };
    office_suite::suite(make).await.unwrap();
}

#[tokio::test]
async fn a_missing_office_is_made_with_one_primary_system() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("office.db");
    assert!(matches!(Embedded::open(&path), Err(OfficeError::Unreachable { hint: Some(_), .. })));
    let first = Embedded::open_or_create(&path).unwrap();
    let standing = first.read().await.unwrap();
    assert_eq!(standing.systems.len(), 1);
    assert_eq!(&*standing.primary().unwrap().name, "Primary");
    first.write(&create("Anna Berg", "2001", None)).await.unwrap();
    let identity = first.identity().await.unwrap();
    first.close().await;
    drop(first);
    let second = Embedded::open_or_create(&path).unwrap();
    assert_eq!(second.identity().await.unwrap(), identity);
    assert_eq!(second.read().await.unwrap().users.len(), 1);
    assert!(matches!(Embedded::create(&path, &OfficeFile::plain()), Err(OfficeError::Refused(_))));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn files_that_are_no_office_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is no database, and it is long enough to look like one: ".repeat(40))
        .unwrap();
    assert!(matches!(Embedded::open(&text), Err(OfficeError::Damaged(_))));
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(Embedded::open(&empty), Err(OfficeError::Unreachable { .. })));
    assert!(Embedded::open_or_create(&empty).is_ok());
    let newer = folder.path().join("newer.db");
    let office = Embedded::create(&newer, &OfficeFile::plain()).unwrap();
    sql(&office, "UPDATE meta SET version = 99");
    drop(office);
    let Err(OfficeError::Damaged(why)) = Embedded::open(&newer) else { panic!("opened") };
    assert!(why.contains("newer"), "{why}");
}

/// When the disk is full SQLite ends a transaction by itself, and whoever ends it then is told that there is none.
#[tokio::test]
async fn a_transaction_that_cannot_be_ended_leaves_the_call_unsure_and_the_office_open() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path(), &OfficeFile::plain());
    let ended = office.change(|connection| Ok(connection.execute_batch("ROLLBACK")?));
    assert!(matches!(ended, Err(OfficeError::Unsure(_))), "{ended:?}");
    assert!(office.write(&create("Anna", "2001", None)).await.is_ok());
}

/// What the third of four users that are made at once may run into, and what the calls are told then.
#[tokio::test]
async fn several_calls_are_each_whole_or_not_there_whatever_sqlite_does() {
    let raises = |how: &str| {
        format!(
            "CREATE TRIGGER trap AFTER INSERT ON user WHEN NEW.key = 'cleo' BEGIN SELECT RAISE({how}, 'trap'); END"
        )
    };
    // Held at the end of the transaction alone.
    let broken_end = "CREATE TABLE owed (guid TEXT REFERENCES user (guid) DEFERRABLE INITIALLY DEFERRED);
                      CREATE TRIGGER trap AFTER INSERT ON user WHEN NEW.key = 'cleo'
                      BEGIN INSERT INTO owed VALUES ('nobody'); END";
    let cases: [(&str, &[&str], usize); 4] = [
        ("CREATE TRIGGER trap AFTER INSERT ON user BEGIN SELECT 1; END", &["ok", "no", "ok", "ok", "ok"], 4),
        // Leaves the user there that it complains of.
        (&raises("FAIL"), &["ok", "no", "ok", "damaged"], 2),
        // As SQLite does when the disk is full.
        (&raises("ROLLBACK"), &["unsure", "no", "unsure", "damaged"], 0),
        (broken_end, &["unsure", "no", "unsure", "unsure", "unsure"], 0),
    ];
    let writes = [("Anna", "2001"), ("Anna", "2002"), ("Bo", "2002"), ("Cleo", "2003"), ("Dan", "2004")];
    let writes = writes.map(|(name, number)| Cow::Owned(create(name, number, None)));
    for (trap, told, stand) in cases {
        let folder = tempfile::tempdir().unwrap();
        let office = office(folder.path(), &OfficeFile::plain());
        sql(&office, trap);
        let results = office.write_all(&writes).await;
        let words = results.iter().map(|result| match result {
            Ok(user) => user.as_ref().map_or("nobody", |_| "ok"),
            Err(OfficeError::Refused(_)) => "no",
            Err(OfficeError::Damaged(why)) if why.contains("trap") => "damaged",
            Err(OfficeError::Unsure(_)) => "unsure",
            Err(error) => panic!("{error:?}"),
        });
        assert_eq!(words.collect::<Vec<_>>(), told, "{trap}: {results:?}");
        assert_eq!(office.read().await.unwrap().users.len(), stand, "{trap}");
        sql(&office, "DROP TRIGGER trap");
        assert!(office.write(&create("Eve", "2005", None)).await.is_ok());
    }
    // Where none is refused, the end of their one transaction tells of all.
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path(), &OfficeFile::plain());
    sql(&office, broken_end);
    let results = office.write_all(&writes[2..]).await;
    let unsure = results.iter().filter(|result| matches!(result, Err(OfficeError::Unsure(_)))).count();
    assert_eq!((unsure, results.len(), office.read().await.unwrap().users.len()), (3, 3, 0), "{results:?}");
    sql(&office, "DROP TRIGGER trap");
    let results = office.write_all(&writes[2..]).await;
    assert!(results.iter().all(Result::is_ok) && results.len() == 3, "{results:?}");
}

#[tokio::test]
async fn a_file_that_clashes_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("office.db");
    let user = |name: &str| {
        let mut elements = model::defaults();
        model::set(&mut elements, Field::Name, Some(&name.into()));
        UserEntry { system: "Primary".into(), elements, ..UserEntry::default() }
    };
    let file = OfficeFile { users: vec![user("Anna"), user("ANNA")], ..OfficeFile::plain() };
    assert!(matches!(Embedded::create(&path, &file), Err(OfficeError::Refused(_))));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn room_and_licences_run_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = of(office_suite::beginning());
    file.systems[0].max_users = Some(3);
    file.licences.push(LicenceEntry { profile: "power-user".into(), quantity: 1 });
    let office = office(folder.path(), &file);
    office.write(&create("Anna", "2001", Some("Sales"))).await.unwrap();
    let Err(OfficeError::Refused(why)) = office.write(&create("Bo", "2002", Some("Sales"))).await else {
        panic!("a licence too many")
    };
    assert_eq!(why, "no licence for the profile `Power User` is left: all 1 are in use");
    office.write(&create("Bo", "2002", None)).await.unwrap();
    office.write(&create("Cleo", "2003", None)).await.unwrap();
    let Err(OfficeError::Refused(why)) = office.write(&create("Dan", "2004", None)).await else {
        panic!("a user too many")
    };
    assert_eq!(why, "the system `Primary` has room for 3 users and is full");
    let licences = office.read().await.unwrap().licences;
    assert_eq!((&*licences[0].profile, licences[0].quantity, licences[0].used), ("Power User", 1, 1));
}

#[tokio::test]
async fn an_update_carries_over_every_other_element() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path(), &OfficeFile::plain());
    let mut elements = model::defaults();
    model::set(&mut elements, Field::Name, Some(&"Anna".into()));
    elements.insert("ForwardNumber".into(), "0123".into());
    elements.insert("NobodyKnowsThis".into(), "<x>".into());
    let view = office.create_view(None, elements.clone()).unwrap();
    let set = vec![(Field::FullName, Some("Anna Berg".into()))];
    office.write(&Write::UpdateUser { guid: view.guid.clone(), expect: Vec::new(), set }).await.unwrap();
    let after = office.user_view(&view.guid).unwrap().unwrap();
    elements.insert("FullName".into(), "Anna Berg".into());
    assert_eq!(after.elements, elements);
    assert_eq!((view.etag, after.etag), (1, 2));
    let stale = office.replace_view(&view.guid, &elements, IfMatch::Etag(1));
    assert!(matches!(stale, Err(OfficeError::Stale(_))));
    elements.remove("ForwardNumber");
    let replaced = office.replace_view(&view.guid, &elements, IfMatch::Etag(2)).unwrap();
    assert_eq!(replaced.elements, elements);
    assert!(office.delete_view(&view.guid).unwrap());
    assert!(!office.delete_view(&view.guid).unwrap());
}

#[tokio::test]
async fn built_in_users_are_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let text = "[[user]]\nname = \"NoUser\"\n[[group]]\nname = \"Sales\"\n";
    let office = office(folder.path(), &parse("office.toml", text, Mode::Init).unwrap());
    let user = office.find(&Locator::Name("nouser".into())).await.unwrap().unwrap();
    let guid: Guid = user.guid;
    for write in [
        Write::UpdateUser {
            guid: guid.clone(),
            expect: vec![],
            set: vec![(Field::FullName, Some("X".into()))],
        },
        Write::DeleteUser { guid: guid.clone() },
        Write::AddMember { group: "Sales".into(), guid: guid.clone() },
    ] {
        assert!(matches!(office.write(&write).await, Err(OfficeError::Refused(_))), "{write:?}");
    }
    let renamed = office.replace_view(&guid, &model::defaults(), IfMatch::Any);
    assert!(matches!(renamed, Err(OfficeError::Refused(_))));
}

#[tokio::test]
async fn values_that_stood_already_do_not_hinder_an_update_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut elements = model::defaults();
    model::set(&mut elements, Field::Name, Some(&"A name far too long for Avaya".into()));
    let user = UserEntry { system: "Primary".into(), elements, ..UserEntry::default() };
    let office = office(folder.path(), &OfficeFile { users: vec![user], ..OfficeFile::plain() });
    let guid = office.read().await.unwrap().users.into_keys().next().unwrap();
    let set = |field, to: &str| Write::UpdateUser {
        guid: guid.clone(),
        expect: vec![],
        set: vec![(field, Some(to.into()))],
    };
    assert!(office.write(&set(Field::Email, "a@example.com")).await.is_ok());
    assert!(matches!(
        office.write(&set(Field::Name, "Another name too long")).await,
        Err(OfficeError::Refused(_))
    ));
}

#[tokio::test]
async fn an_exported_office_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../tests/data/office.toml");
    let first = office(folder.path(), &parse("office.toml", text, Mode::Init).unwrap());
    let written = exported(&first, true);
    let path = folder.path().join("second.db");
    let second = Embedded::create(&path, &parse("export.toml", &written, Mode::Init).unwrap()).unwrap();
    assert_eq!(exported(&second, true), written);
    let (a, b) = (first.read().await.unwrap(), second.read().await.unwrap());
    assert_eq!(a.users, b.users);
    assert_eq!(a.extensions, b.extensions);
    assert_eq!(a.groups, b.groups);
    assert_eq!(a.user_templates, b.user_templates);
    assert_eq!(a.extension_templates, b.extension_templates);
    assert_ne!(first.identity().await.unwrap(), second.identity().await.unwrap());
    let without = exported(&first, false);
    assert!(written.contains("2580") && !without.contains("2580"));
}

fn exported(office: &Embedded, reveal: bool) -> String {
    office.export(reveal).unwrap()
}

#[tokio::test]
async fn the_listing_shows_what_belongs_together() {
    let folder = tempfile::tempdir().unwrap();
    let text = include_str!("../../tests/data/office.toml");
    let office = office(folder.path(), &parse("office.toml", text, Mode::Init).unwrap());
    let users = EmbeddedUser::list(&office.read().await.unwrap());
    let names: Vec<&str> = users.iter().map(|user| &*user.name).collect();
    assert_eq!(names, ["Anna Berg", "NoUser", "Reception"]);
    let anna = &users[0];
    assert_eq!(anna.extension.as_deref(), Some("2001"));
    assert_eq!(anna.extension_type.as_deref(), Some("SIP"));
    assert_eq!(anna.extension_template.as_deref(), Some("J179"));
    assert_eq!(anna.profile.as_deref(), Some("Power User"));
    assert_eq!(anna.user_template.as_deref(), Some("Sales"));
    assert_eq!(anna.mobile_twinning_number.as_deref(), Some("+447700900123"));
    assert_eq!(anna.groups, ["Sales".into(), Text::from("Support")]);
    assert_eq!(anna.login_code.as_ref().map(|code| code.expose()), Some("2580"));
    assert!(!format!("{anna:?}").contains("2580"));
    assert_eq!(&*users[2].system, "Leeds");
}

#[tokio::test]
async fn two_thousand_creates_take_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path(), &of(office_suite::beginning()));
    let began = Instant::now();
    for number in 0..2_000 {
        let write = create(&format!("User {number}"), &format!("{}", 20_000 + number), Some("Sales"));
        office.write(&write).await.unwrap();
    }
    let wrote = began.elapsed();
    let standing = office.read().await.unwrap();
    assert_eq!(standing.users.len(), 2_000);
    let read = began.elapsed() - wrote;
    assert!(wrote.as_secs() < 30 && read.as_secs() < 5, "writing took {wrote:?}, reading {read:?}");
    tracing::info!(?wrote, ?read);
    if std::env::var_os("ROLLCALL_TIMES").is_some() {
        panic!("writing took {wrote:?}, reading {read:?}");
    }
}

/// A measurement: `TMPDIR=/dev/shm cargo test -p rollcall-office --lib how_long -- --ignored --nocapture`, where the
/// disk itself costs nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn how_long_reading_and_writing_take() {
    let folder = tempfile::tempdir().unwrap();
    let office = office(folder.path(), &of(office_suite::beginning()));
    let user = |number: u32| {
        let mut elements = model::defaults();
        model::set(&mut elements, Field::Name, Some(&format!("User {number}").as_str().into()));
        model::set(&mut elements, Field::Extension, Some(&number.to_string().as_str().into()));
        UserEntry { system: "Primary".into(), elements, ..UserEntry::default() }
    };
    let began = Instant::now();
    let file = OfficeFile { users: (100_000..120_000).map(user).collect(), ..OfficeFile::default() };
    office.add(&file).unwrap();
    let added = began.elapsed();
    let began = Instant::now();
    for number in 20_000..22_000 {
        let write = create(&format!("User {number}"), &number.to_string(), Some("Sales"));
        office.write(&write).await.unwrap();
    }
    let wrote = began.elapsed();
    let began = Instant::now();
    for window in (22_000..24_000).collect::<Vec<_>>().chunks(64) {
        let create = |number: &u32| create(&format!("User {number}"), &number.to_string(), Some("Sales"));
        let writes: Vec<_> = window.iter().map(|number| Cow::Owned(create(number))).collect();
        assert!(office.write_all(&writes).await.iter().all(Result::is_ok));
    }
    let together = began.elapsed();
    let began = Instant::now();
    let standing = office.read().await.unwrap();
    let read = began.elapsed();
    assert_eq!(standing.users.len(), 24_000);
    eprintln!("20,000 added at once: {added:?}; 2,000 created one by one: {wrote:?}, by 64: {together:?}");
    eprintln!("24,000 read: {read:?}");
}

/// Draws a call out of a small world, so that names, numbers and users meet often.
fn draw(next: &mut impl FnMut(usize) -> usize, guids: &[Guid]) -> Write {
    const NAMES: [&str; 6] = ["Anna", "ANNA", "Bo", "Cleo", "Admin", "sixteen chars 16"];
    const NUMBERS: [&str; 6] = ["2001", "2002", "2003", "4000", "112", "1"];
    const GROUPS: [&str; 3] = ["Sales", "support", "Nowhere"];
    let (name, number, to) = (NAMES[next(6)], NUMBERS[next(6)], NUMBERS[next(6)]);
    let (group, guid) = (Text::from(GROUPS[next(3)]), guids[next(guids.len())].clone());
    match next(10) {
        0..=2 => create(name, number, [None, Some("Sales"), Some("None")][next(3)]),
        3 | 4 => {
            let set = [(Field::Name, Some(name.into())), (Field::Extension, Some(number.into()))];
            let set = set[next(2)].clone();
            Write::UpdateUser {
                guid,
                expect: Vec::new(),
                set: vec![if next(6) == 0 { (set.0, None) } else { set }],
            }
        }
        5 => Write::DeleteUser { guid },
        6 => Write::AddMember { group, guid },
        7 => Write::RemoveMember { group, guid },
        8 => {
            let kind = rollcall_core::script::ExtensionKind::Template("J179".into());
            Write::CreateExtension { number: number.into(), kind, system: "primary".into() }
        }
        _ if next(2) == 0 => Write::DeleteExtension { number: number.into() },
        _ => Write::RenumberExtension { from: number.into(), to: to.into() },
    }
}

#[tokio::test]
async fn the_twin_in_memory_and_the_store_answer_alike() {
    let folder = tempfile::tempdir().unwrap();
    let store = office(folder.path(), &of(office_suite::beginning()));
    let twin = rollcall_edges::office_memory::MemoryOffice::new(office_suite::beginning());
    let mut seed = 7u64;
    let mut next = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % bound
    };
    // The two draw their GUIDs differently: the same place in both lists is the same user.
    let (mut in_store, mut in_twin): (Vec<Guid>, Vec<Guid>) = (vec!["nobody".into()], vec!["nobody".into()]);
    let mut effects = 0;
    for step in 0..1_500 {
        let places: Vec<Guid> = (0..in_store.len()).map(|place| place.to_string().into()).collect();
        let write = draw(&mut next, &places);
        let with = |guids: &[Guid]| {
            let mut write = write.clone();
            if let Write::UpdateUser { guid, .. }
            | Write::DeleteUser { guid }
            | Write::AddMember { guid, .. }
            | Write::RemoveMember { guid, .. } = &mut write
            {
                *guid = guids[guid.parse::<usize>().unwrap()].clone();
            }
            write
        };
        let (a, b) = (store.write(&with(&in_store)).await, twin.write(&with(&in_twin)).await);
        match (a, b) {
            (Ok(a), Ok(b)) => {
                effects += 1;
                assert_eq!(a.as_ref().map(|a| &a.fields), b.as_ref().map(|b| &b.fields), "{step}: {write:?}");
                if let (Write::CreateUser { .. }, Some(a), Some(b)) = (&write, a, b) {
                    in_store.push(a.guid);
                    in_twin.push(b.guid);
                }
            }
            (Err(a), Err(b)) => {
                assert_eq!(
                    std::mem::discriminant(&a),
                    std::mem::discriminant(&b),
                    "{step}: {write:?}: {a}, {b}"
                );
            }
            (a, b) => panic!("{step}: {write:?}: the store says {a:?}, the twin {b:?}"),
        }
    }
    assert!(effects > 200, "only {effects} calls took effect");
    let shape = |standing: Standing| {
        let mut users: Vec<_> = standing
            .users
            .into_values()
            .map(|user| (user.fields, user.profile, user.user_template))
            .collect();
        users.sort();
        let records: Vec<_> =
            standing.extensions.into_iter().map(|record| (record.number, record.kind)).collect();
        (users, records)
    };
    assert_eq!(shape(store.read().await.unwrap()), shape(twin.standing()));
}
