//! Credentials that expire soon, or have. The day is what the job file says; nobody asks the server.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rollcall_core::{Diagnostic, codes};

use crate::job::{Credential, Job, PhoneSystem};
use crate::limits::EXPIRY_DAYS;

/// Warns of every credential that expires within thirty days, or has expired, at an instant in milliseconds since 1970.
pub fn expiring(job: &Job, now_ms: i64) -> Vec<Diagnostic> {
    let Ok(now) = Timestamp::from_millisecond(now_ms) else { return Vec::new() };
    let today = TimeZone::UTC.to_datetime(now).date();
    let directories = job.directories.iter().flat_map(|directory| {
        let credentials = directory.credentials.iter();
        credentials.filter_map(|(name, found)| {
            one(["directory", "credentials", name], found, today).map(|found| directory.placed(found))
        })
    });
    let office = match &job.phone_system {
        PhoneSystem::IpOffice(office) => {
            Some((["phone_system", "credentials", "password"], &office.password))
        }
        PhoneSystem::Embedded { .. } => None,
    };
    directories.chain(office.and_then(|(path, credential)| one(path, credential, today))).collect()
}

fn one(path: [&str; 3], credential: &Credential, today: Date) -> Option<Diagnostic> {
    let text = credential.expires.as_ref()?;
    let day: Date = text.parse().ok()?;
    let left = today.until(day).ok()?.get_days();
    let [_, _, name] = path;
    // The day stands in the message and not how many days are left: two previews of two days are to be equal.
    let (code, message) = if left < 0 {
        (codes::CREDENTIAL_EXPIRED, format!("the credential `{name}` expired on {text}"))
    } else if left <= EXPIRY_DAYS {
        (codes::CREDENTIAL_EXPIRING, format!("the credential `{name}` expires on {text}"))
    } else {
        return None;
    };
    let hint = "renew it, put the new one in its place, and write its day under `expires`";
    let found = if left < 0 { Diagnostic::error(code, message) } else { Diagnostic::warning(code, message) };
    Some(found.path(&path).hint(hint))
}
