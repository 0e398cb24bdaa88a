//! `link`, `unlink` and `links`: who owns which phone user, by hand and in bulk.

use std::path::Path;

use rollcall_core::memory::{Link, MatchedBy};
use rollcall_core::phone::{PhoneUser, Standing};
use rollcall_core::text::count;
use rollcall_core::{Diagnostic, Field, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::State as _;
use rollcall_engine::Report;
use rollcall_engine::links::{Phone, User, Wanted, release, tie};
use serde_json::{Value, json};

use crate::args::{Global, LinkArgs, LinksArgs, LinksCommand, LinksFormat, LinksImportArgs, UnlinkArgs};
use crate::commands::explain::origin;
use crate::commands::links_file::{self, Row};
use crate::desk::Desk;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::report::Asking;
use crate::time::shown as at;
use crate::view::json as shapes;
use crate::view::text::table;
use crate::wiring::{Intent, Session};
use crate::{report, wiring};

/// Ties a directory user to a phone user.
pub(crate) async fn link(global: &Global, output: &Output, args: &LinkArgs) -> Result<u8, Failure> {
    let wanted = Wanted {
        place: String::new(),
        user: User::Any(args.user.as_str().into()),
        phone: Phone::Any(args.phone_user.as_str().into()),
    };
    // Both are named, and nothing is written to a telephone: a script may do it, and a person sees it first.
    let asking = Asking::new(args.yes || report::can_ask().is_err());
    ties(global, output, &args.job, &[wanted], MatchedBy::Hand, args.wait, &asking).await
}

async fn ties(
    global: &Global,
    output: &Output,
    job: &Path,
    wanted: &[Wanted],
    by: MatchedBy,
    wait_ms: u64,
    asking: &Asking,
) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let mut ends = session.ends(None, Intent::Look).await?;
    let render = |done: &Report| report::document(&session.job, done);
    let confirm = |plan: &Report| {
        let yes = asking.confirm(output, &session.job, &session.progress, plan);
        if asking.asked().is_err() {
            // Nobody can be asked: what would be done goes where a report goes.
            report::show(output, &session.job, None, plan, true);
        }
        yes
    };
    let result = tie(ends.parts(&session), wanted, by, wait_ms, &confirm, &render).await;
    ends.office.office().close().await;
    session.progress.clear();
    if let Err(unasked) = asking.asked() {
        output.diagnostics(&unasked.diagnostics);
        return Ok(unasked.exit);
    }
    Ok(report::ended(output, &session.job, ends.office.note(), result, true))
}

/// Lets a phone user go.
pub(crate) async fn unlink(global: &Global, output: &Output, args: &UnlinkArgs) -> Result<u8, Failure> {
    let desk = Desk::open(global, wiring::store(global).await?, &args.job).await?;
    let mut mirror = desk.store.mirror(&desk.job.name, "run")?;
    let render = |done: &Report| report::document(&desk.job, done);
    let result = release(&desk.writer(&render), &mut mirror, &args.user, args.wait).await;
    desk.office.office().close().await;
    desk.progress.clear();
    let again = desk.job.policy.adopt.is_some() && matches!(result, Ok(Some(_)));
    let code = report::ended(output, &desk.job, desk.office.note(), result, false);
    if again {
        output.say("note: the job has `[adopt]`, so the next sync may take the user over again");
    }
    Ok(code)
}

/// Runs `links` and what is under it.
pub(crate) async fn run(global: &Global, output: &Output, args: &LinksArgs) -> Result<u8, Failure> {
    match &args.command {
        None => list(global, output, &args.job).await,
        Some(LinksCommand::List(job)) => list(global, output, &job.job).await,
        Some(LinksCommand::Export { job, format, output: file }) => {
            export(global, output, job, *format, file.as_deref()).await
        }
        Some(LinksCommand::Import(args)) => import(global, output, args).await,
    }
}

/// The links of a job with the phone users as they stand.
async fn read(global: &Global, job: &Path) -> Result<(Desk, Vec<Link>, Standing), Failure> {
    let desk = Desk::open(global, wiring::store(global).await?, job).await?;
    let standing = desk.office.office().read().await;
    desk.office.office().close().await;
    let mut links = desk.store.links(&desk.job.name).await?;
    links.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
    Ok((desk, links, standing?))
}

async fn list(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let (desk, links, standing) = read(global, job).await?;
    if output.json {
        let lines: Vec<Value> = links.iter().map(|link| line(link, standing.users.get(&link.guid))).collect();
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "job": &*desk.job.name, "links": lines,
        })));
    }
    let rows: Vec<Vec<String>> = links.iter().map(|link| row(link, standing.users.get(&link.guid))).collect();
    if rows.is_empty() {
        output.human("The job owns no phone user yet.\n");
    } else {
        let head = ["identification", "name", "extension", "system", "how", "left"];
        output.human(&table(&head, &rows, 40));
    }
    Ok(exit::DONE)
}

fn row(link: &Link, phone: Option<&PhoneUser>) -> Vec<String> {
    let written = |field| rollcall_core::field::text_of(&link.written, field).unwrap_or("-").to_owned();
    let (name, extension, system) = match phone {
        Some(phone) => {
            (phone.name().to_owned(), phone.extension().unwrap_or("-").to_owned(), phone.system.to_string())
        }
        None => (written(Field::Name), written(Field::Extension), "(deleted by hand)".to_owned()),
    };
    let left = link.missing.map_or(String::new(), |missing| at(Instant(missing.since_ms)));
    let since = link.matched_by.map_or_else(|| "made by the job".to_owned(), origin);
    vec![link.key.to_string(), name, extension, system, since, left]
}

fn line(link: &Link, phone: Option<&PhoneUser>) -> Value {
    json!({
        "user_identification": &*link.key, "directory": &*link.id.directory, "id": &*link.id.native,
        "guid": &*link.guid, "name": phone.map(PhoneUser::name), "extension": phone.and_then(PhoneUser::extension),
        "system": phone.map(|phone| &*phone.system), "stands": phone.is_some(),
        "matched_by": link.matched_by.map(MatchedBy::word), "rule": link.rule.as_deref(),
        "missing_since": link.missing.map(|missing| at(Instant(missing.since_ms))),
        "kept": link.kept.keys().map(|field| field.key()).collect::<Vec<_>>(),
    })
}

async fn export(
    global: &Global,
    output: &Output,
    job: &Path,
    format: Option<LinksFormat>,
    file: Option<&Path>,
) -> Result<u8, Failure> {
    let (_, links, standing) = read(global, job).await?;
    // Who was deleted by hand cannot be tied again: an export is of what stands.
    let (links, gone): (Vec<Link>, Vec<Link>) =
        links.into_iter().partition(|link| standing.users.contains_key(&link.guid));
    let rows: Vec<Row> = links.iter().map(|link| Row::of(link, standing.users.get(&link.guid))).collect();
    if !gone.is_empty() {
        let names: Vec<String> = gone.iter().map(|link| format!("`{}`", link.key)).collect();
        let message = format!(
            "{} left out, because the phone user was deleted by hand: {}",
            count(gone.len(), "link"),
            names.join(", ")
        );
        let hint = "`rollcall unlink JOB USER` lets such a link go";
        output.diagnostics(&[Diagnostic::warning(codes::USER_GONE, message).hint(hint)]);
    }
    let by_name = file.and_then(Path::extension).is_some_and(|end| end == "jsonl" || end == "json");
    let lines = format.map_or(by_name || output.json, |format| format == LinksFormat::Jsonl);
    let text = if lines { links_file::to_lines(&rows) } else { links_file::to_csv(&rows) };
    match file {
        None => output.payload(&text),
        Some(path) => {
            links_file::write(path, &text)?;
            output.say(&format!("{} written to `{}`", count(rows.len(), "link"), path.display()));
        }
    }
    Ok(exit::DONE)
}

async fn import(global: &Global, output: &Output, args: &LinksImportArgs) -> Result<u8, Failure> {
    let wanted = links_file::read(&args.file)?;
    if wanted.is_empty() {
        let message = format!("`{}` names no link", args.file.display());
        return Err(Failure::new(exit::INVALID, codes::FILE, message)
            .hint("`rollcall links export JOB` shows the form"));
    }
    let asking = Asking::new(args.yes);
    ties(global, output, &args.job, &wanted, MatchedBy::Import, args.wait, &asking).await
}
