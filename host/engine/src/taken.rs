//! A create's name and number, read again just before it is sent: what somebody took since the plan was made is never
//! replaced by another, the change is stale.

use rollcall_core::Field;
use rollcall_core::field::text_of;
use rollcall_core::ops::Write;
use rollcall_core::plan::Change;
use rollcall_edges::office::{Office, OfficeError, Taken};

/// Tells who has taken the name or number of a create. An extension record is no obstacle where it is the change's own
/// (`own_record`), or where the plan met it and made none. `None`: it may be sent.
pub(crate) async fn stale(
    office: &dyn Office,
    change: &Change,
    write: &Write,
    own_record: bool,
) -> Option<OfficeError> {
    let (name, number) = match write {
        Write::CreateUser { fields, .. } => (text_of(fields, Field::Name), text_of(fields, Field::Extension)),
        Write::CreateExtension { number, .. } => (change.name.as_deref(), Some(&**number)),
        _ => return None,
    };
    let name = name.unwrap_or_default();
    let met = change.birth.as_ref().is_none_or(|birth| birth.extension.is_none());
    let meets = matches!(write, Write::CreateUser { .. }) && (own_record || met);
    let message = match office.taken(name, number).await {
        Ok(None) => return None,
        Ok(Some(Taken::Record(_))) if meets => return None,
        Ok(Some(Taken::Name(holder))) => format!("the name `{name}` belongs to {holder} by now"),
        Ok(Some(Taken::Number(holder))) => {
            format!("the number `{}` belongs to {holder} by now", number.unwrap_or_default())
        }
        Ok(Some(Taken::Record(number))) => format!("the number `{number}` has an extension record by now"),
        Err(error) => return Some(error),
    };
    Some(OfficeError::Stale(message))
}
