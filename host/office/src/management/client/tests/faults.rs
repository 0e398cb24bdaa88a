//! What goes wrong: hidden elements, losses, lost and late answers, ended sessions, refusals.

use rollcall_core::codes;
use rollcall_edges::office::OfficeError;

use super::super::super::wire::{Item, Kind};
use super::super::call::Ask;
use super::*;

#[tokio::test]
async fn a_hidden_element_is_warned_of_because_it_can_be_lost() {
    for (modes, left) in
        [("hide=ForwardNumber omitted=cleared", None), ("hide=ForwardNumber omitted=kept", Some("5550100"))]
    {
        let bench = bench(modes, peopled()).await;
        let client = bench.client().await;
        let warnings = client.warnings().await.unwrap();
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].code, codes::OFFICE_HIDES);
        assert!(warnings[0].hint.as_ref().unwrap().contains("rollcall office compare BEFORE.xml AFTER.xml"));
        client.write(&rename("g-anna", "Anna Berg")).await.unwrap();
        assert_eq!(bench.held("g-anna", "ForwardNumber").await.as_deref(), left, "{modes}");

        let proved = Client::connect(Config { proved: true, ..bench.config() }).await.unwrap();
        assert_eq!(proved.warnings().await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_visible_loss_is_told_by_name_and_without_values() {
    let bench = bench("loses=ForwardNumber", peopled()).await;
    let error = bench.client().await.write(&rename("g-anna", "Anna Berg")).await.unwrap_err();
    let OfficeError::Unexpected(message) = error else { panic!("{error:?}") };
    assert!(message.contains("lost `ForwardNumber`") && message.contains("`Anna`"), "{message}");
    assert!(!message.contains("5550100"), "{message}");
    assert_eq!(bench.asked("PUT"), 1);
    assert_eq!(bench.held("g-bo", "ForwardNumber").await.as_deref(), Some("5550100"));
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_unsure() {
    for (modes, expect) in
        [("lose-after=1", "Anna Berg"), ("lose-before=1", "Old Name"), ("fail=3", "Old Name")]
    {
        let bench = bench(modes, peopled()).await;
        let client = bench.client().await;
        let error = client.write(&rename("g-anna", "Anna Berg")).await.unwrap_err();
        assert!(matches!(error, OfficeError::Unsure(_)), "{modes}: {error:?}");
        assert_eq!(bench.asked("PUT"), 1, "{modes}: a write is never repeated by itself");
        assert_eq!(full_name(&client, "g-anna").await.as_deref(), Some(expect), "{modes}");
    }
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found_by_its_name() {
    let bench = bench("lose-while=300@1 lose-after=2", peopled()).await;
    let client = bench.client().await;
    for (name, number) in [("Cleo", "2003"), ("Dora", "2004")] {
        let error = client.write(&create(name, number, "London")).await.unwrap_err();
        assert!(matches!(error, OfficeError::Unsure(_)), "{error:?}");
        let found = || async { client.find(&Locator::Name(name.into())).await.unwrap() };
        assert_eq!(found().await.is_none(), name == "Cleo");
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(found().await.is_some());
    }
    assert_eq!(bench.asked("POST"), 2);
}

#[tokio::test]
async fn an_answer_that_is_too_late_leaves_the_outcome_unsure() {
    let bench = bench("late=3000", peopled()).await;
    let config = Config { write_wait: Duration::from_millis(300), ..bench.config() };
    let client = Client::connect(config).await.unwrap();
    let error = client.write(&rename("g-anna", "Anna Berg")).await.unwrap_err();
    assert!(matches!(error, OfficeError::Unsure(_)), "{error:?}");
    assert_eq!(full_name(&client, "g-anna").await.as_deref(), Some("Anna Berg"));
}

#[tokio::test]
async fn a_session_that_ends_is_opened_again_once() {
    for modes in ["session=1", "session=2"] {
        let bench = bench(modes, peopled()).await;
        let client = bench.client().await;
        for name in ["One", "Two"] {
            let from = full_name(&client, "g-anna").await.unwrap();
            let write = Write::UpdateUser {
                guid: "g-anna".into(),
                expect: vec![(Field::FullName, Some(Value::from(&*from)))],
                set: vec![(Field::FullName, Some(name.into()))],
            };
            client.write(&write).await.unwrap();
        }
        assert_eq!(full_name(&client, "g-anna").await.as_deref(), Some("Two"), "{modes}");
    }
}

#[tokio::test]
async fn a_busy_moment_is_waited_for_when_reading() {
    let bench = bench("fail=1,2,4", peopled()).await;
    assert_eq!(bench.client().await.read().await.unwrap().users.len(), 2);
}

#[tokio::test]
async fn status_zero_inside_200_is_a_refusal_with_its_text() {
    let bench = bench("", peopled()).await;
    let client = bench.client().await;
    let error = client.write(&create("Anna", "2009", "London")).await.unwrap_err();
    let OfficeError::Refused(message) = error else { panic!("{error:?}") };
    assert!(message.contains("Anna"), "{message}");
}

#[tokio::test]
async fn an_old_etag_is_stale_where_it_is_honoured() {
    for (modes, honoured) in [("if-match=honoured", true), ("if-match=ignored", false)] {
        let bench = bench(modes, peopled()).await;
        let client = bench.client().await;
        let user = client.user_by_guid("g-anna").await.unwrap().unwrap();
        let mut ask = Ask::new("PUT", Kind::User, &user.home).item(&user.item);
        ask.if_match = Some("4711".into());
        match client.ask(ask).await {
            Err(OfficeError::Stale(_)) => assert!(honoured),
            answer => assert!(!honoured && answer.is_ok(), "{modes}"),
        }
    }
}

#[tokio::test]
async fn a_user_that_moved_or_went_is_stale_and_nothing_is_written() {
    let bench = bench("", peopled()).await;
    let client = bench.client().await;
    client.write(&rename("g-anna", "Anna Berg")).await.unwrap();
    for write in [rename("g-anna", "Other"), rename("g-nobody", "Other")] {
        let error = client.write(&write).await.unwrap_err();
        assert!(matches!(error, OfficeError::Stale(_)), "{error:?}");
    }
    assert_eq!(bench.asked("PUT"), 1);
}

#[tokio::test]
async fn a_body_without_a_guid_is_refused() {
    let bench = bench("", peopled()).await;
    let client = bench.client().await;
    let home = client.homes().await.unwrap().remove(0);
    let item = Item::of(None, &elements(&[("FullName", "X")]));
    let error = client.ask(Ask::new("PUT", Kind::User, &home).item(&item)).await.unwrap_err();
    assert!(matches!(error, OfficeError::Refused(ref why) if why.contains("GUID")), "{error:?}");
    let error = client.ask(Ask::new("PUT", Kind::Licence, &home)).await.unwrap_err();
    assert!(matches!(error, OfficeError::Refused(ref why) if why.contains("405")), "{error:?}");
}

#[tokio::test]
async fn a_login_page_opens_a_session_again_where_something_is_read() {
    let bench = bench("session=1 login-page", peopled()).await;
    let client = bench.client().await;
    for _ in 0..3 {
        assert_eq!(full_name(&client, "g-anna").await.as_deref(), Some("Old Name"));
    }
}

#[tokio::test]
async fn a_page_behind_a_write_may_hide_that_it_took_place() {
    let bench = bench("page-after=1,2", peopled()).await;
    let client = bench.client().await;
    for write in [rename("g-anna", "Anna Berg"), create("Cleo", "2003", "London")] {
        let error = client.write(&write).await.unwrap_err();
        assert!(matches!(error, OfficeError::Unsure(_)), "{error:?}");
    }
    assert_eq!(full_name(&client, "g-anna").await.as_deref(), Some("Anna Berg"));
    assert!(client.find(&Locator::Name("Cleo".into())).await.unwrap().is_some());
    assert_eq!((bench.asked("PUT"), bench.asked("POST")), (1, 1), "a write is never sent twice");
}

#[tokio::test]
async fn a_yes_that_had_no_effect_is_found_out() {
    let record = || Write::CreateExtension {
        number: "2009".into(),
        kind: rollcall_core::script::ExtensionKind::Type("SIP".into()),
        system: "London".into(),
    };
    for (modes, before, write) in [
        ("idle=1", None, create("Cleo", "2003", "London")),
        ("idle=1", None, Write::DeleteUser { guid: "g-bo".into() }),
        ("idle=1 ignore-guid", None, Write::DeleteUser { guid: "g-bo".into() }),
        ("idle=1", None, record()),
        ("idle=2", Some(record()), Write::DeleteExtension { number: "2009".into() }),
        ("idle=2 ignore-guid bare-create", Some(record()), Write::DeleteExtension { number: "2009".into() }),
    ] {
        let bench = bench(modes, peopled()).await;
        let client = bench.client().await;
        if let Some(before) = before {
            client.write(&before).await.unwrap();
        }
        let error = client.write(&write).await.unwrap_err();
        assert!(matches!(error, OfficeError::Unsure(_)), "{modes} {write:?}: {error:?}");
    }
}

#[tokio::test]
async fn a_new_user_that_is_not_as_it_was_sent_is_given_all_the_same() {
    let bench = bench("drops=FullName", peopled()).await;
    let client = bench.client().await;
    let Write::CreateUser { mut fields, system, template } = create("Cleo", "2003", "London") else {
        panic!()
    };
    fields.insert(Field::FullName, "Cleo Ek".into());
    let error = client.write(&Write::CreateUser { fields, system, template }).await.unwrap_err();
    let OfficeError::Differs { user, message } = error else { panic!("{error:?}") };
    assert_eq!((user.name(), user.extension()), ("Cleo", Some("2003")));
    assert!(message.contains("it did not take `FullName`") && !message.contains("Ek"), "{message}");
}

#[tokio::test]
async fn a_new_record_that_is_not_as_it_was_sent_is_taken_away_again() {
    let bench = bench("drops=TypeInfo", peopled()).await;
    let client = bench.client().await;
    let kind = rollcall_core::script::ExtensionKind::Type("SIP".into());
    let write = Write::CreateExtension { number: "2009".into(), kind, system: "London".into() };
    let error = client.write(&write).await.unwrap_err();
    assert!(matches!(&error, OfficeError::Refused(why) if why.contains("`TypeInfo`")), "{error:?}");
    assert_eq!(client.extension("2009").await.unwrap(), None);
}
