//! What somebody does by hand at the phone system, done to the office's file beside the program.

use std::path::Path;

use rollcall_core::field::{Field, Value};
use rollcall_core::ops::Write;
use rollcall_core::{Secret, Text};
use rollcall_edges::office::{Locator, Office as _};
use rollcall_office::Embedded;

use super::case::ByHand;

/// Does it.
pub(super) fn by_hand(office: &Path, all: &[ByHand]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let office = Embedded::open(office).map_err(|error| error.to_string())?;
        for one in all {
            edit(&office, one).await.map_err(|why| format!("by hand, `{}`: {why}", one.user))?;
        }
        office.close().await;
        Ok(())
    })
}

async fn edit(office: &Embedded, one: &ByHand) -> Result<(), String> {
    let found = office.find(&Locator::Name(Text::from(one.user.as_str()))).await;
    let user = found.map_err(|error| error.to_string())?.ok_or("there is no such user")?;
    let guid = user.guid.clone();
    let mut writes = Vec::new();
    let (mut expect, mut set) = (Vec::new(), Vec::new());
    for (key, value) in &one.set {
        let field = Field::by_key(key).ok_or_else(|| format!("`{key}` is no field"))?;
        // A code is not told, so that nothing can be expected of it.
        if !field.secret() {
            expect.push((field, user.fields.get(&field).cloned()));
        }
        let value = match value.as_str() {
            "" => None,
            code if field.secret() => Some(Value::Secret(Secret::new(code))),
            text => Some(Value::from(text)),
        };
        set.push((field, value));
    }
    if let Some(number) = one.set.get("extension") {
        let had = user.extension().map(Text::from);
        if let Some(from) = had.filter(|_| !number.is_empty()) {
            let there = office.extension(&from).await.map_err(|error| error.to_string())?;
            writes.extend(there.map(|_| Write::RenumberExtension { from, to: number.as_str().into() }));
        }
    }
    if !set.is_empty() {
        writes.insert(0, Write::UpdateUser { guid: guid.clone(), expect, set });
    }
    let group = |name: &String| Text::from(name.as_str());
    writes.extend(one.join.iter().map(|name| Write::AddMember { group: group(name), guid: guid.clone() }));
    writes
        .extend(one.leave.iter().map(|name| Write::RemoveMember { group: group(name), guid: guid.clone() }));
    writes.extend(one.delete.then_some(Write::DeleteUser { guid }));
    if writes.is_empty() {
        return Err("nothing is done".into());
    }
    for write in writes {
        office.write(&write).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Counts the users, built-in ones left out; 0 where there is no office yet.
pub(super) fn count(office: &Path) -> Result<usize, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // A file that is being made is no office yet.
        let Ok(office) = Embedded::open(office) else { return Ok(0) };
        let standing = office.read().await.map_err(|error| error.to_string())?;
        Ok(standing.users.values().filter(|user| !user.built_in()).count())
    })
}
