//! The contract of [`Office`](crate::office::Office) as a suite that every implementation passes: the in-memory twin,
//! the embedded store, and the Management API's client against its server.
//!
//! What an office cannot write (see its abilities) is left out. Each step says in words what it found, so that a test
//! needs no more than to unwrap.

use std::borrow::Cow;

use rollcall_core::field::{Fields, groups_of, text_of};
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, ExtensionTemplate, Group, PhoneUser, Standing, System, UserTemplate};
use rollcall_core::script::ExtensionKind;
use rollcall_core::{Field, Guid, Secret, Text, Value};

use crate::office::{Locator, Office, OfficeError, Taken};

/// What an office holds before the suite: one primary system `Primary`, the hunt groups `Sales` (4000) and `Support`
/// (4001), the user template `Sales` (profile `Power User`), the extension template `J179` (type SIP), and no user.
/// An office that cannot show groups or templates may lack them.
pub fn beginning() -> Standing {
    let group = |name: &str, number: &str| Group {
        name: name.into(),
        extension: Some(number.into()),
        system: "Primary".into(),
    };
    let user =
        UserTemplate { name: "Sales".into(), profile: Some("Power User".into()), ..Default::default() };
    let extension = ExtensionTemplate { name: "J179".into(), kind: Some("SIP".into()), ..Default::default() };
    Standing {
        systems: vec![System { name: "Primary".into(), primary: true, ..Default::default() }],
        groups: vec![group("Sales", "4000"), group("Support", "4001")],
        user_templates: [(user.name.clone(), user)].into(),
        extension_templates: [(extension.name.clone(), extension)].into(),
        ..Standing::default()
    }
}

/// Why an implementation broke the contract.
pub type Broken = String;

/// Runs every case, each on a fresh office as in [`beginning`].
///
/// # Errors
/// The case and what it found.
pub async fn suite<M, F>(make: M) -> Result<(), Broken>
where
    M: Fn() -> F,
    F: Future<Output = Box<dyn Office>>,
{
    let of = |case: &'static str| move |why: String| format!("{case}: {why}");
    create_and_read(&*make().await).await.map_err(of("create and read"))?;
    update(&*make().await).await.map_err(of("update"))?;
    stale(&*make().await).await.map_err(of("stale"))?;
    adopt(&*make().await).await.map_err(of("adopt and release"))?;
    taken(&*make().await).await.map_err(of("names and numbers that are taken"))?;
    holders(&*make().await).await.map_err(of("who holds a name or number"))?;
    refused(&*make().await).await.map_err(of("what is refused"))?;
    groups(&*make().await).await.map_err(of("groups"))?;
    extensions(&*make().await).await.map_err(of("extension records"))?;
    delete(&*make().await).await.map_err(of("delete"))?;
    several(&*make().await).await.map_err(of("several calls at once"))?;
    fingerprints(&*make().await).await.map_err(of("fingerprints"))
}

fn ensure(good: bool, why: impl FnOnce() -> String) -> Result<(), Broken> {
    if good { Ok(()) } else { Err(why()) }
}

fn told(error: OfficeError) -> Broken {
    format!("failed with {error:?}")
}

/// The fields of a user as far as the office can write them.
fn fields(abilities: &Abilities, name: &str, number: &str) -> Fields {
    let code = Value::Secret(Secret::new("2580"));
    let all: [(Field, Value); 7] = [
        (Field::Name, name.into()),
        (Field::FullName, format!("{name} Full").as_str().into()),
        (Field::Email, format!("{}@example.com", name.replace(' ', ".")).as_str().into()),
        (Field::Extension, number.into()),
        (Field::MobileTwinningNumber, "+447700900123".into()),
        (Field::LoginCode, code.clone()),
        (Field::VoicemailCode, code),
    ];
    all.into_iter().filter(|(field, _)| abilities.writes(*field)).collect()
}

async fn made(office: &dyn Office, name: &str, number: &str) -> Result<PhoneUser, Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    let fields = fields(&abilities, name, number);
    let write = Write::CreateUser { fields, system: "Primary".into(), template: None };
    let user = office.write(&write).await.map_err(told)?;
    user.ok_or_else(|| "a create gives no user".into())
}

fn set(user: &PhoneUser, field: Field, to: Option<&str>) -> Write {
    Write::UpdateUser {
        guid: user.guid.clone(),
        expect: vec![(field, user.fields.get(&field).cloned())],
        set: vec![(field, to.map(Value::from))],
    }
}

async fn again(office: &dyn Office, guid: &Guid) -> Result<PhoneUser, Broken> {
    let user = office.find(&Locator::Guid(guid.clone())).await.map_err(told)?;
    user.ok_or_else(|| "the user is not found by its GUID".into())
}

/// Holds that a call is refused (or is stale) and changes nothing.
async fn refuses(office: &dyn Office, what: &str, write: &Write) -> Result<(), Broken> {
    let before = office.read().await.map_err(told)?;
    match office.write(write).await {
        Err(OfficeError::Refused(_) | OfficeError::Stale(_)) => {}
        other => return Err(format!("{what} gives {other:?} instead of a refusal")),
    }
    let after = office.read().await.map_err(told)?;
    ensure(before.users == after.users && before.extensions == after.extensions, || {
        format!("{what} is refused and changes something all the same")
    })
}

async fn create_and_read(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    let empty = office.read().await.map_err(told)?;
    ensure(empty.users.values().all(PhoneUser::built_in), || "there are users at the beginning".into())?;
    ensure(empty.unreached.is_empty(), || format!("not reached: {:?}", empty.unreached))?;
    ensure(empty.system("primary").is_some_and(|system| system.primary), || "no primary system".into())?;
    let wanted = fields(&abilities, "Anna Berg", "2001");
    let template = Some(Text::from("Sales"));
    let write = Write::CreateUser { fields: wanted.clone(), system: "Primary".into(), template };
    let user = office.write(&write).await.map_err(told)?.ok_or("a create gives no user")?;
    ensure(user.fields == wanted, || format!("wanted {wanted:?}, stands {:?}", user.fields))?;
    ensure(user.profile.as_deref() == Some("Power User"), || format!("the profile is {:?}", user.profile))?;
    ensure(&*user.system == "Primary", || format!("the system is {}", user.system))?;
    let standing = office.read().await.map_err(told)?;
    let read = standing.users.get(&user.guid).ok_or("the new user is not read")?;
    ensure(read.fields == user.fields && read.fingerprint == user.fingerprint, || {
        format!("written {user:?}, read {read:?}")
    })?;
    let found = again(office, &user.guid).await?;
    ensure(found.fields == user.fields, || format!("found {found:?}"))?;
    let by_name = office.find(&Locator::Name("Anna Berg".into())).await.map_err(told)?;
    ensure(by_name.is_some_and(|found| found.guid == user.guid), || "not found by its name".into())?;
    let nobody = office.find(&Locator::Name("Nobody".into())).await.map_err(told)?;
    ensure(nobody.is_none(), || format!("found {nobody:?} for a name that nobody has"))?;
    let identity = (office.identity().await.map_err(told)?, office.identity().await.map_err(told)?);
    ensure(identity.0 == identity.1 && !identity.0.is_empty(), || format!("identities {identity:?}"))
}

async fn update(office: &dyn Office) -> Result<(), Broken> {
    let user = made(office, "Anna Berg", "2001").await?;
    let changed = office.write(&set(&user, Field::FullName, Some("Anna B. Berg"))).await.map_err(told)?;
    let changed = changed.ok_or("an update gives no user")?;
    let mut wanted = user.fields.clone();
    wanted.insert(Field::FullName, "Anna B. Berg".into());
    ensure(changed.fields == wanted, || format!("wanted {wanted:?}, stands {:?}", changed.fields))?;
    ensure(changed.guid == user.guid, || "the GUID changed".into())?;
    let cleared = office.write(&set(&changed, Field::Email, None)).await.map_err(told)?;
    let cleared = cleared.ok_or("an update gives no user")?;
    wanted.remove(&Field::Email);
    ensure(cleared.fields == wanted, || format!("wanted {wanted:?}, stands {:?}", cleared.fields))?;
    let renamed = Write::UpdateUser {
        guid: user.guid.clone(),
        expect: vec![(Field::Name, Some("Anna Berg".into())), (Field::Extension, Some("2001".into()))],
        set: vec![(Field::Name, Some("anna berg".into())), (Field::Extension, Some("2002".into()))],
    };
    let renamed = office.write(&renamed).await.map_err(told)?.ok_or("an update gives no user")?;
    ensure(renamed.name() == "anna berg", || "a name cannot change its case only".into())?;
    ensure(renamed.extension() == Some("2002"), || "the number did not change".into())?;
    let read = again(office, &user.guid).await?;
    ensure(read.fields == renamed.fields, || format!("written {renamed:?}, read {read:?}"))
}

async fn stale(office: &dyn Office) -> Result<(), Broken> {
    let user = made(office, "Anna Berg", "2001").await?;
    let write = set(&user, Field::FullName, Some("One"));
    office.write(&write).await.map_err(told)?;
    match office.write(&write).await {
        Err(OfficeError::Stale(_)) => {}
        other => return Err(format!("a field that moved gives {other:?} instead of stale")),
    }
    let read = again(office, &user.guid).await?;
    ensure(text_of(&read.fields, Field::FullName) == Some("One"), || "a stale update was written".into())?;
    let absent = Write::UpdateUser {
        guid: user.guid.clone(),
        expect: vec![(Field::Email, None)],
        set: vec![(Field::Email, Some("new@example.com".into()))],
    };
    refuses(office, "expecting a field to be absent that is set", &absent).await
}

async fn adopt(office: &dyn Office) -> Result<(), Broken> {
    let user = made(office, "Anna Berg", "2001").await?;
    let seen = |name: &str| {
        let field = |field| (field, user.fields.get(&field).cloned());
        vec![(Field::Name, Some(name.into())), field(Field::Extension), field(Field::Email)]
    };
    let adopt = Write::Adopt { guid: user.guid.clone(), expect: seen("Anna Berg") };
    let found = office.write(&adopt).await.map_err(told)?.ok_or("an adoption gives no user")?;
    ensure(found == user, || format!("an adoption changes {user:?} to {found:?}"))?;
    let moved = Write::Adopt { guid: user.guid.clone(), expect: seen("Anna Ek") };
    refuses(office, "adopting a user that was renamed since", &moved).await?;
    let nobody = Write::Adopt { guid: "no-such-guid".into(), expect: Vec::new() };
    refuses(office, "adopting a user that is not there", &nobody).await?;
    let release = Write::Release { guid: user.guid.clone() };
    office.write(&release).await.map_err(told)?;
    ensure(again(office, &user.guid).await? == user, || "letting a user go changes it".into())?;
    office.write(&Write::DeleteUser { guid: user.guid.clone() }).await.map_err(told)?;
    let gone = office.write(&release).await.map_err(told)?;
    ensure(gone.is_none(), || "a user that is gone is given".into())
}

async fn taken(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    let anna = made(office, "Anna Berg", "2001").await?;
    let create = |name: &str, number: &str| Write::CreateUser {
        fields: fields(&abilities, name, number),
        system: "Primary".into(),
        template: None,
    };
    refuses(office, "a name that differs by case only", &create("ANNA BERG", "2002")).await?;
    refuses(office, "a number that a user has", &create("Bo Dahl", "2001")).await?;
    let bo = made(office, "Bo Dahl", "2002").await?;
    refuses(office, "a rename to a name that is taken", &set(&bo, Field::Name, Some("anna berg"))).await?;
    refuses(office, "a number that is taken", &set(&bo, Field::Extension, Some("2001"))).await?;
    if abilities.writes(Field::GroupMembership) {
        refuses(office, "a hunt group's number", &create("Cleo Ek", "4000")).await?;
        refuses(office, "a hunt group's number", &set(&anna, Field::Extension, Some("4001"))).await?;
    }
    Ok(())
}

async fn holders(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    let anna = made(office, "Anna Berg", "2001").await?;
    let number = |holder: &str| Some(Taken::Number(holder.into()));
    let name = |holder: &str| Some(Taken::Name(holder.into()));
    let (the_user, sales, support) =
        ("the user `Anna Berg`", "the hunt group `Sales`", "the hunt group `Support`");
    let mut cases = vec![
        ("Bo Dahl", Some("2002"), None),
        ("Bo Dahl", None, None),
        ("Bo Dahl", Some("200"), None),
        ("anna BERG", Some("2002"), name(the_user)),
        ("Anna Berg", Some("2001"), name(the_user)),
        ("Bo Dahl", Some("2001"), number(the_user)),
    ];
    if abilities.writes(Field::GroupMembership) {
        cases.push(("sales", Some("2002"), name(sales)));
        cases.push(("Bo Dahl", Some("4001"), number(support)));
    }
    if abilities.extensions {
        for (record, kind) in [("2001", "SIP"), ("2009", "H323")] {
            let kind = ExtensionKind::Type(kind.into());
            let write = Write::CreateExtension { number: record.into(), kind, system: "Primary".into() };
            office.write(&write).await.map_err(told)?;
        }
        cases.push(("Bo Dahl", Some("2009"), Some(Taken::Record("2009".into()))));
    }
    for (who, what, expect) in cases {
        let found = office.taken(who, what).await.map_err(told)?;
        ensure(found == expect, || format!("`{who}` and {what:?} are held by {found:?}, not {expect:?}"))?;
    }
    // What the office was asked to write since is seen at once.
    office.write(&set(&anna, Field::Name, Some("Cleo Ek"))).await.map_err(told)?;
    let (before, after) = (office.taken("Anna Berg", None).await, office.taken("Cleo Ek", None).await);
    ensure(before.map_err(told)?.is_none(), || "a name that was given up is still held".into())?;
    ensure(after.map_err(told)? == name("the user `Cleo Ek`"), || "a new name is not held".into())?;
    office.write(&Write::DeleteUser { guid: anna.guid }).await.map_err(told)?;
    let freed = office.taken("Cleo Ek", Some("2001")).await.map_err(told)?;
    let expect = abilities.extensions.then(|| Taken::Record("2001".into()));
    ensure(freed == expect, || format!("after the delete it is held by {freed:?}"))
}

async fn refused(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    let create = |name: &str, number: &str, system: &str, template: Option<&str>| Write::CreateUser {
        fields: fields(&abilities, name, number),
        system: system.into(),
        template: template.map(Text::from),
    };
    refuses(office, "an unknown system", &create("Anna Berg", "2001", "Nowhere", None)).await?;
    refuses(office, "an unknown template", &create("Anna Berg", "2001", "Primary", Some("None"))).await?;
    for name in ["", " Anna", "sixteen chars 16", "a,b", "NoUser", "REMOTEMANAGER", "Admin"] {
        refuses(office, &format!("the name `{name}`"), &create(name, "2001", "Primary", None)).await?;
    }
    for number in ["1", "20a1", "112", "9999999999999999"] {
        refuses(office, &format!("the number `{number}`"), &create("Anna Berg", number, "Primary", None))
            .await?;
    }
    let user = made(office, "Anna Berg", "2001").await?;
    refuses(office, "no name", &set(&user, Field::Name, None)).await?;
    let gone = PhoneUser { guid: "00000000-0000-4000-8000-000000000000".into(), ..user };
    refuses(office, "an update of nobody", &set(&gone, Field::FullName, Some("X"))).await
}

async fn groups(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    if !abilities.writes(Field::GroupMembership) {
        return Ok(());
    }
    let user = made(office, "Anna Berg", "2001").await?;
    let add = |group: &str| Write::AddMember { group: group.into(), guid: user.guid.clone() };
    let remove = |group: &str| Write::RemoveMember { group: group.into(), guid: user.guid.clone() };
    refuses(office, "an unknown hunt group", &add("Nowhere")).await?;
    let mut names: Vec<Text> = Vec::new();
    for (write, expect) in [
        (add("Support"), vec!["Support"]),
        (add("sales"), vec!["Sales", "Support"]),
        (add("Sales"), vec!["Sales", "Support"]),
        (remove("Support"), vec!["Sales"]),
        (remove("Support"), vec!["Sales"]),
    ] {
        let changed = office.write(&write).await.map_err(told)?.ok_or("a membership gives no user")?;
        names = groups_of(&changed.fields).to_vec();
        let found: Vec<&str> = names.iter().map(|name| &**name).collect();
        ensure(found == expect, || format!("after {write:?} the groups are {found:?}"))?;
    }
    let read = again(office, &user.guid).await?;
    ensure(groups_of(&read.fields) == names, || format!("read {:?}", read.fields))?;
    office.write(&set(&read, Field::FullName, Some("Other"))).await.map_err(told)?;
    let read = again(office, &user.guid).await?;
    ensure(groups_of(&read.fields) == names, || "an update loses memberships".into())
}

async fn extensions(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    if !abilities.extensions {
        return Ok(());
    }
    let create = |number: &str, kind: ExtensionKind| Write::CreateExtension {
        number: number.into(),
        kind,
        system: "Primary".into(),
    };
    let sip = || ExtensionKind::Type("SIP".into());
    let given = office.write(&create("2001", sip())).await.map_err(told)?;
    ensure(given.is_none(), || "an extension record gives a user".into())?;
    let record = office.extension("2001").await.map_err(told)?.ok_or("the record is not found")?;
    ensure(&*record.system == "Primary" && !record.hardware, || format!("made {record:?}"))?;
    refuses(office, "a record that stands there", &create("2001", sip())).await?;
    refuses(office, "an unknown template", &create("2003", ExtensionKind::Template("None".into()))).await?;
    office.write(&create("2002", ExtensionKind::Template("J179".into()))).await.map_err(told)?;
    let made_user = made(office, "Anna Berg", "2001").await?;
    let taken = Write::RenumberExtension { from: "2001".into(), to: "2002".into() };
    refuses(office, "a record's number that is taken", &taken).await?;
    let nobody = Write::RenumberExtension { from: "2009".into(), to: "2010".into() };
    refuses(office, "renumbering a record that is not there", &nobody).await?;
    office.write(&set(&made_user, Field::Extension, Some("2005"))).await.map_err(told)?;
    let renumber = Write::RenumberExtension { from: "2001".into(), to: "2005".into() };
    office.write(&renumber).await.map_err(told)?;
    let moved = office.extension("2005").await.map_err(told)?.ok_or("the renumbered record is not found")?;
    ensure(moved.guid == record.guid, || "renumbering makes another record".into())?;
    let old = office.extension("2001").await.map_err(told)?;
    ensure(old.is_none(), || "the old number still has a record".into())?;
    let used = Write::DeleteExtension { number: "2005".into() };
    refuses(office, "deleting the record of a user", &used).await?;
    let delete = Write::DeleteExtension { number: "2002".into() };
    for _ in 0..2 {
        office.write(&delete).await.map_err(told)?;
    }
    let standing = office.read().await.map_err(told)?;
    let numbers: Vec<&str> = standing.extensions.iter().map(|record| &*record.number).collect();
    ensure(numbers == ["2005"], || format!("the records are {numbers:?}"))
}

async fn delete(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    if abilities.extensions {
        let kind = ExtensionKind::Type("SIP".into());
        let write = Write::CreateExtension { number: "2001".into(), kind, system: "Primary".into() };
        office.write(&write).await.map_err(told)?;
    }
    let user = made(office, "Anna Berg", "2001").await?;
    if abilities.writes(Field::GroupMembership) {
        let write = Write::AddMember { group: "Sales".into(), guid: user.guid.clone() };
        office.write(&write).await.map_err(told)?;
    }
    let delete = Write::DeleteUser { guid: user.guid.clone() };
    for round in 0..2 {
        let given = office.write(&delete).await.map_err(told)?;
        ensure(given.is_none(), || format!("delete {round} gives a user"))?;
    }
    let found = office.find(&Locator::Guid(user.guid.clone())).await.map_err(told)?;
    ensure(found.is_none(), || "a deleted user is found".into())?;
    if abilities.extensions {
        let record = office.extension("2001").await.map_err(told)?;
        ensure(record.is_some(), || "deleting the user took its extension record away".into())?;
    }
    let back = made(office, "Anna Berg", "2001").await?;
    ensure(back.guid != user.guid, || "a new user has a used GUID".into())?;
    ensure(groups_of(&back.fields).is_empty(), || "a new user inherits memberships".into())
}

async fn several(office: &dyn Office) -> Result<(), Broken> {
    let abilities = office.abilities().await.map_err(told)?;
    ensure(office.write_all(&[]).await.is_empty(), || "no call has a result".into())?;
    let old = made(office, "Anna Berg", "2001").await?;
    let create = |name: &str, number: &str| Write::CreateUser {
        fields: fields(&abilities, name, number),
        system: "Primary".into(),
        template: None,
    };
    let late = set(&old, Field::FullName, Some("Late"));
    let writes = [
        Write::DeleteUser { guid: old.guid },
        // Possible after the first call only, and a hindrance to the next one.
        create("Anna Berg", "2001"),
        create("ANNA BERG", "2002"),
        late,
        create("Bo Dahl", "2002"),
    ];
    let results = office.write_all(&writes.each_ref().map(Cow::Borrowed)).await;
    let [Ok(None), Ok(Some(anna)), Err(taken), Err(gone), Ok(Some(bo))] = &results[..] else {
        return Err(format!("the results are {results:?}"));
    };
    for error in [taken, gone] {
        let said_no = matches!(error, OfficeError::Refused(_) | OfficeError::Stale(_));
        ensure(said_no, || format!("a call that cannot be done fails with {error:?}"))?;
    }
    let users = office.read().await.map_err(told)?.users;
    let stands = |user| users.values().any(|other| other == user);
    ensure(users.len() == 2 && stands(anna) && stands(bo), || format!("{results:?} left {users:?}"))
}

async fn fingerprints(office: &dyn Office) -> Result<(), Broken> {
    let user = made(office, "Anna Berg", "2001").await?;
    let same = again(office, &user.guid).await?;
    ensure(same.fingerprint == user.fingerprint, || "two reads have two fingerprints".into())?;
    let changed = office.write(&set(&user, Field::FullName, Some("Other"))).await.map_err(told)?;
    let changed = changed.ok_or("an update gives no user")?;
    ensure(changed.fingerprint != user.fingerprint, || "a change leaves the fingerprint as it was".into())?;
    let from = text_of(&user.fields, Field::FullName).map(str::to_owned);
    let back = office.write(&set(&changed, Field::FullName, from.as_deref())).await.map_err(told)?;
    ensure(back.is_some_and(|back| back.fingerprint == user.fingerprint), || {
        "changed back, the fingerprint is another".into()
    })
}
