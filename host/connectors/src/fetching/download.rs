//! A package from a web server: two requests, one for it and one for its signature.

use rollcall_core::Diagnostic;
use rollcall_net::{Online, Request, Response, Wire as _};
use url::Url;

use super::{Fetched, Source, told, unreached};
use crate::packing::BUNDLE_BYTES;
use crate::packing::signature::{ENDING, FILE_BYTES};

/// Downloads a package and its signature.
pub(super) async fn download(wire: &Online, url: &Url) -> Result<Fetched, Diagnostic> {
    let mut answer = get(wire, url).await?;
    let about = Request::get(url.clone()).about();
    if answer.status != 200 {
        return Err(refused(&answer, &about));
    }
    let bytes = whole(&mut answer, BUNDLE_BYTES).await?;
    let mut beside = url.clone();
    beside.set_path(&format!("{}.{ENDING}", url.path()));
    let mut answer = get(wire, &beside).await?;
    let signature = match answer.status {
        200 => Some(String::from_utf8_lossy(&whole(&mut answer, FILE_BYTES).await?).into_owned()),
        // There is none. Anything else is no such answer: it might hide one.
        404 | 410 => None,
        _ => return Err(with_the_query(refused(&answer, &Request::get(beside.clone()).about()), &beside)),
    };
    Ok(Fetched { bytes, signature, origin: Source::Url(url.clone()).to_string() })
}

/// Says of a signature that was refused that it was asked for with the package's query, which may be for one file alone.
fn with_the_query(mut why: Diagnostic, beside: &Url) -> Diagnostic {
    if let (Some(_), Some(hint)) = (beside.query(), &mut why.hint) {
        hint.push_str("; the signature is asked for with the query of the package: where that is for one file, fetch both");
    }
    why
}

async fn get(wire: &Online, url: &Url) -> Result<Response, Diagnostic> {
    wire.send(Request::get(url.clone())).await.map_err(told)
}

/// Reads an answer of at most so many bytes.
pub(super) async fn whole(answer: &mut Response, most: usize) -> Result<Vec<u8>, Diagnostic> {
    answer.read_all(u64::try_from(most).unwrap_or(u64::MAX)).await.map_err(told)
}

/// Says what an answer means that is not what was asked for.
pub(super) fn refused(answer: &Response, about: &str) -> Diagnostic {
    let status = answer.status;
    let hint = match (status, answer.header("location")) {
        (300..=399, Some(to)) => {
            let to: String = to.chars().filter(|letter| !letter.is_control()).take(500).collect();
            format!("no redirect is followed; it leads to `{to}`: give that address if it is the right one")
        }
        (401 | 403, _) => {
            "it wants to know who asks; fetch it on another way and install the file".to_owned()
        }
        (404 | 410, _) => "ask the publisher where it is".to_owned(),
        (429 | 500.., _) => "try again later".to_owned(),
        _ => "ask the publisher where it is".to_owned(),
    };
    unreached(format!("`{about}` is answered with {status}"), &hint)
}
