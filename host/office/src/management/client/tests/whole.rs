//! What works: the contract of every office, networks of systems, everything carried over.

use rollcall_edges::office::{Office, OfficeError, Taken};
use rollcall_edges::office_suite::suite;

use super::super::super::wire::Encoding;
use super::*;

/// Keeps the server alive as long as the client.
struct Kept(Client, #[expect(dead_code, reason = "it is held, not used")] Bench);

#[async_trait::async_trait]
impl Office for Kept {
    async fn identity(&self) -> Result<Text, OfficeError> {
        self.0.identity().await
    }
    async fn abilities(&self) -> Result<rollcall_core::phone::Abilities, OfficeError> {
        self.0.abilities().await
    }
    async fn read(&self) -> Result<rollcall_core::phone::Standing, OfficeError> {
        self.0.read().await
    }
    async fn find(&self, who: &Locator) -> Result<Option<rollcall_core::phone::PhoneUser>, OfficeError> {
        self.0.find(who).await
    }
    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError> {
        self.0.taken(name, number).await
    }
    async fn write(&self, write: &Write) -> Result<Option<rollcall_core::phone::PhoneUser>, OfficeError> {
        self.0.write(write).await
    }
    async fn extension(&self, number: &str) -> Result<Option<rollcall_core::phone::Extension>, OfficeError> {
        self.0.extension(number).await
    }
}

async fn passes(modes: &'static str, encoding: Encoding) {
    let make = || async {
        let bench = bench(modes, plain()).await;
        let client = Client::connect(Config { encoding, ..bench.config() }).await.unwrap();
        Box::new(Kept(client, bench)) as Box<dyn Office>
    };
    if let Err(why) = suite(make).await {
        panic!("with `{modes}` and {encoding:?}: {why}");
    }
}

#[tokio::test]
async fn the_contract_holds_in_json() {
    passes("", Encoding::Json).await;
}

#[tokio::test]
async fn the_contract_holds_in_xml_with_every_oddity() {
    passes(
        "omitted=kept if-match=ignored bare-create ignore-guid mislabel session=3 no-logout",
        Encoding::Xml,
    )
    .await;
}

#[tokio::test]
async fn systems_of_a_network_are_read_and_written_one_by_one() {
    let bench = bench("", peopled()).await;
    let client = bench.client().await;
    let standing = client.read().await.unwrap();
    assert_eq!(standing.primary().map(|system| &*system.name), Some("London"));
    let homes: Vec<_> =
        standing.users.values().map(|user| (user.name().to_owned(), user.system.to_string())).collect();
    assert_eq!(homes, [("Anna".into(), "London".into()), ("Bo".into(), "Leeds".into())]);

    client.write(&rename("g-bo", "Bo Dahl")).await.unwrap();
    let cleo = client.write(&create("Cleo", "2003", "Leeds")).await.unwrap().unwrap();
    assert_eq!(&*cleo.system, "Leeds");
    let standing = client.read().await.unwrap();
    assert_eq!(standing.users[&cleo.guid], cleo);
    client.write(&Write::DeleteUser { guid: cleo.guid }).await.unwrap();
    assert_eq!(client.read().await.unwrap().users.len(), 2);

    // Another client has no memory of who lives where.
    let other = bench.client().await;
    assert_eq!(full_name(&other, "g-bo").await.as_deref(), Some("Bo Dahl"));
    other.write(&Write::DeleteUser { guid: "g-bo".into() }).await.unwrap();
    assert_eq!(client.read().await.unwrap().users.len(), 1);
}

#[tokio::test]
async fn a_system_that_is_silent_is_named() {
    let bench = bench("silent=192.0.2.2", peopled()).await;
    let standing = bench.client().await.read().await.unwrap();
    assert_eq!(standing.unreached, ["Leeds".into()]);
    assert_eq!(standing.users.len(), 1);
}

#[tokio::test]
async fn an_update_carries_over_what_nobody_knows() {
    for modes in ["omitted=cleared", "omitted=kept"] {
        let bench = bench(modes, peopled()).await;
        bench.client().await.write(&rename("g-anna", "Anna Berg")).await.unwrap();
        assert_eq!(bench.held("g-anna", "FullName").await.as_deref(), Some("Anna Berg"));
        assert_eq!(bench.held("g-anna", "ZetaUnknown").await.as_deref(), Some("kept <&> verbatim"));
        assert_eq!(bench.held("g-anna", "ForwardNumber").await.as_deref(), Some("5550100"));
        assert_eq!(bench.asked("PUT"), 1);
    }
}

#[tokio::test]
async fn licences_are_counted() {
    let licences = vec![crate::import::LicenceEntry { profile: "Power User".into(), quantity: 3 }];
    let bench = bench("", OfficeFile { licences, ..peopled() }).await;
    let standing = bench.client().await.read().await.unwrap();
    let counted: Vec<_> = standing.licences.iter().map(|l| (&*l.profile, l.quantity, l.used)).collect();
    assert_eq!(counted, [("Power User", 3, 0)]);
}

#[tokio::test]
async fn sessions_do_not_pile_up() {
    let bench = bench("", peopled()).await;
    for _ in 0..3 {
        let client = bench.client().await;
        client.read().await.unwrap();
        client.close().await;
    }
    assert_eq!(bench.running.sessions(), 0);
}

#[tokio::test]
async fn hunt_groups_and_twinning_are_out_of_reach_and_said_so() {
    let bench = bench("", peopled()).await;
    let client = bench.client().await;
    let abilities = client.abilities().await.unwrap();
    assert!(!abilities.writes(Field::GroupMembership) && !abilities.writes(Field::MobileTwinningNumber));
    let twin = Write::UpdateUser {
        guid: "g-anna".into(),
        expect: vec![],
        set: vec![(Field::MobileTwinningNumber, Some("+447700900123".into()))],
    };
    for write in [twin, Write::AddMember { group: "Sales".into(), guid: "g-anna".into() }] {
        assert!(matches!(client.write(&write).await, Err(OfficeError::Refused(_))));
    }
    assert_eq!(bench.asked("PUT"), 0);
}

#[tokio::test]
async fn a_new_user_gets_its_template_and_a_password_that_nobody_sees() {
    let bench = bench("", plain()).await;
    let client = bench.client().await;
    let write = Write::CreateUser {
        fields: [(Field::Name, Value::from("Anna")), (Field::Extension, Value::from("2001"))].into(),
        system: "".into(),
        template: Some("Sales".into()),
    };
    let user = client.write(&write).await.unwrap().unwrap();
    assert_eq!(user.profile.as_deref(), Some("Power User"));
    assert_eq!(bench.held(&user.guid, "Password").await, None);
    assert_eq!(bench.asked("POST"), 1);
}

/// Counts the lists of all users that were asked for.
fn lists(bench: &Bench) -> usize {
    let log = bench.running.log();
    log.iter()
        .filter(|logged| {
            logged.method == "GET" && logged.path.contains("/users") && !logged.path.contains("guid=")
        })
        .count()
}

#[tokio::test]
async fn one_list_of_names_and_numbers_serves_many_creates() {
    let bench = bench("", peopled()).await;
    let client = bench.client().await;
    for n in 0..20 {
        let (name, number) = (format!("New {n}"), format!("21{n:02}"));
        assert_eq!(client.taken(&name, Some(&number)).await.unwrap(), None);
        client.write(&create(&name, &number, "Leeds")).await.unwrap();
        let taken = client.taken("Other", Some(&number)).await.unwrap();
        assert_eq!(taken, Some(Taken::Number(format!("the user `{name}`").into())));
    }
    // Two systems, and a second round where the machine is slow.
    assert!(lists(&bench) <= 4, "{} lists for 20 creates", lists(&bench));
}

#[tokio::test]
async fn a_name_that_somebody_takes_by_hand_is_seen_after_two_seconds_at_the_latest() {
    let bench = bench("", peopled()).await;
    let (client, human) = (bench.client().await, bench.client().await);
    assert_eq!(client.taken("Cleo", Some("2003")).await.unwrap(), None);
    human.write(&create("CLEO", "2004", "Leeds")).await.unwrap();
    tokio::time::sleep(super::super::limits::HOLDERS_AGE + Duration::from_millis(50)).await;
    let taken = client.taken("Cleo", Some("2003")).await.unwrap();
    assert_eq!(taken, Some(Taken::Name("the user `CLEO`".into())));
}
