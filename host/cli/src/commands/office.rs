//! `office …`: the embedded phone system, and what is known of a real one.

use std::path::Path;
use std::sync::Arc;

use rollcall_core::text::count;
use rollcall_core::{Diagnostic, Secret, Text, codes};
use rollcall_edges::office::Office as _;
use rollcall_edges::state::{Owner, State as _};
use rollcall_job::job::PhoneSystem;
use rollcall_office::import::{
    Mode, OfficeFile, compare, export, parse, read_file, read_users, template_from_user,
};
use rollcall_office::limits::OFFICE_FILE_BYTES_MAX;
use rollcall_office::management::server::{Keep, Modes, Server};
use rollcall_office::{Embedded, EmbeddedUser};
use serde_json::{Value, json};

use crate::args::{Global, OfficeCommand, ServeArgs, TemplateCommand};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::table;
use crate::{offices, signals, wiring};

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, command: &OfficeCommand) -> Result<u8, Failure> {
    match command {
        OfficeCommand::Init { office, from } => init(output, office, from.as_deref()).await,
        OfficeCommand::Users { office, reveal, unlinked } => {
            users(global, output, office, *reveal, *unlinked).await
        }
        OfficeCommand::Import { office, from } => import(output, office, from).await,
        OfficeCommand::Export { office, reveal } => {
            no_json(output)?;
            let office = offices::embedded_of_argument(office)?;
            let (users, extensions) = (office.user_views(None)?, office.extension_views(None)?);
            output.payload(&export(&office.read().await?, &users, &extensions, *reveal));
            Ok(exit::DONE)
        }
        OfficeCommand::Serve(args) => serve(output, args).await,
        OfficeCommand::Template { office, command } => template(output, office, command).await,
        OfficeCommand::Compare { before, after, prove } => {
            compared(global, output, before, after, prove.as_deref()).await
        }
    }
}

/// Refuses `--json` where the payload is TOML.
fn no_json(output: &Output) -> Result<(), Failure> {
    if output.json {
        return Err(Failure::new(
            exit::USAGE,
            codes::USAGE,
            "this command prints TOML, so it takes no `--json`",
        ));
    }
    Ok(())
}

async fn init(output: &Output, path: &Path, from: Option<&Path>) -> Result<u8, Failure> {
    if path.exists() {
        let message = format!("`{}` stands there already, and nothing was written", path.display());
        return Err(Failure::new(exit::ERROR, codes::FILE, message)
            .hint("`rollcall office import` adds to an office"));
    }
    let file = match from {
        Some(from) => office_file(from, Mode::Init)?,
        None => OfficeFile::plain(),
    };
    let office = Embedded::create(path, &file)?;
    told(output, &office, "made").await
}

async fn import(output: &Output, path: &Path, from: &Path) -> Result<u8, Failure> {
    let office = offices::embedded(path)?;
    let standing = office.read().await?;
    office.add(&office_file(from, Mode::Add(&standing))?)?;
    told(output, &office, "now has").await
}

async fn told(output: &Output, office: &Embedded, verb: &str) -> Result<u8, Failure> {
    let standing = office.read().await?;
    let (systems, users, groups) = (standing.systems.len(), standing.users.len(), standing.groups.len());
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "office": office.path().display().to_string(),
            "systems": systems, "users": users, "groups": groups,
        })));
    }
    output.human(&format!(
        "{} {verb}: {}, {}, {}.\n",
        office.path().display(),
        count(systems, "system"),
        count(users, "user"),
        count(groups, "hunt group"),
    ));
    Ok(exit::DONE)
}

fn office_file(path: &Path, mode: Mode<'_>) -> Result<OfficeFile, Failure> {
    let failed = |diagnostics| Failure { exit: exit::ERROR, diagnostics };
    let text = read_file(path, OFFICE_FILE_BYTES_MAX).map_err(|why| failed(vec![why]))?;
    parse(&path.display().to_string(), &text, mode).map_err(failed)
}

async fn users(
    global: &Global,
    output: &Output,
    path: &Path,
    reveal: bool,
    unlinked: bool,
) -> Result<u8, Failure> {
    let reached = offices::of_argument(global, path).await?;
    let identity = reached.office().identity().await?;
    let standing = reached.office().read().await?;
    reached.office().close().await;
    let owners = wiring::store(global).await?.owners(&identity, None).await?;
    let mut users = EmbeddedUser::list(&standing);
    users.retain(|user| !unlinked || !owners.contains_key(&user.guid));
    if output.json {
        let lines: Vec<Value> = users.iter().map(|user| line(user, owners.get(&user.guid), reveal)).collect();
        output.payload(&shapes::write(&lines));
    }
    let text = |text: &Option<Text>| text.as_deref().unwrap_or("-").to_owned();
    let rows = users.iter().map(|user| {
        let job = owners.get(&user.guid).map_or("-", |owner| &*owner.job);
        let mut row = vec![
            user.name.to_string(),
            text(&user.extension),
            user.system.to_string(),
            text(&user.full_name),
            text(&user.email),
        ];
        if reveal {
            row.extend(
                [code(&user.login_code, true), code(&user.voicemail_code, true)]
                    .map(|code| code.as_str().unwrap_or("-").to_owned()),
            );
        }
        row.push(job.to_owned());
        row
    });
    let mut head = vec!["name", "extension", "system", "full name", "email"];
    if reveal {
        head.extend(["login code", "voicemail code"]);
    }
    head.push("job");
    output.human(&table(&head, &rows.collect::<Vec<_>>(), 40));
    Ok(exit::DONE)
}

fn line(user: &EmbeddedUser, owner: Option<&Owner>, reveal: bool) -> Value {
    json!({
        "guid": &*user.guid, "name": &*user.name, "full_name": user.full_name.as_deref(),
        "extension": user.extension.as_deref(), "email": user.email.as_deref(), "system": &*user.system,
        "profile": user.profile.as_deref(), "user_template": user.user_template.as_deref(),
        "extension_type": user.extension_type.as_deref(), "extension_template": user.extension_template.as_deref(),
        "mobile_twinning_number": user.mobile_twinning_number.as_deref(),
        "groups": user.groups.iter().map(|group| &**group).collect::<Vec<_>>(),
        "login_code": code(&user.login_code, reveal), "voicemail_code": code(&user.voicemail_code, reveal),
        "links": owner.map(|owner| json!({ "job": &*owner.job, "user_identification": &*owner.key })),
    })
}

fn code(code: &Option<Secret>, reveal: bool) -> Value {
    match code {
        None => Value::Null,
        Some(code) if reveal => json!(code.expose()),
        Some(_) => json!("(sensitive)"),
    }
}

async fn serve(output: &Output, args: &ServeArgs) -> Result<u8, Failure> {
    let password = std::env::var("ROLLCALL_OFFICE_PASSWORD").ok().filter(|password| !password.is_empty());
    let Some(password) = password else {
        let message = "the service user's password is missing";
        return Err(Failure::new(exit::USAGE, codes::USAGE, message).hint("set ROLLCALL_OFFICE_PASSWORD"));
    };
    let modes = Modes::parse(args.modes.iter().map(String::as_str))
        .map_err(|why| Failure::new(exit::USAGE, codes::USAGE, why))?;
    let office = offices::embedded_of_argument(&args.office)?;
    // Beside the office, so that a pinned certificate stays good over restarts.
    let keep = Keep::File(args.office.with_extension("certificate.pem"));
    let server = Server {
        listen: args.listen.clone(),
        username: args.username.as_str().into(),
        password: Secret::new(password),
        store: Arc::new(office),
        modes,
        keep,
    };
    let running = server
        .start()
        .await
        .map_err(|error| Failure::new(exit::ERROR, codes::OFFICE_UNREACHABLE, error.to_string()))?;
    let first = json!({ "address": running.address().to_string(), "certificate_sha256": running.certificate_sha256() });
    output.payload(&format!("{first}\n"));
    let _ = signals::asked(&signals::listen()).await;
    running.stop().await;
    Ok(exit::DONE)
}

async fn template(output: &Output, path: &Path, command: &TemplateCommand) -> Result<u8, Failure> {
    let TemplateCommand::FromUser { user, name } = command;
    no_json(output)?;
    let office = offices::embedded_of_argument(path)?;
    let views = office.user_views(None)?;
    let standing = office.read().await?;
    let guid = standing
        .users
        .values()
        .find(|phone| rollcall_core::text::fold(phone.name()) == rollcall_core::text::fold(user));
    let view = guid.and_then(|phone| views.iter().find(|view| view.guid == phone.guid));
    let Some(view) = view else {
        let message = format!("there is no user `{user}`");
        return Err(Failure::new(exit::ERROR, codes::USER_NOT_FOUND, message)
            .hint("`rollcall office users OFFICE` lists them"));
    };
    output.payload(&template_from_user(name.as_deref().unwrap_or(user), &view.elements));
    Ok(exit::DONE)
}

fn exported(path: &Path) -> Result<Vec<rollcall_office::import::ExportedUser>, Failure> {
    let failed = |why| Failure { exit: exit::ERROR, diagnostics: vec![why] };
    let text = read_file(path, OFFICE_FILE_BYTES_MAX).map_err(failed)?;
    read_users(&path.display().to_string(), &text).map_err(failed)
}

async fn compared(
    global: &Global,
    output: &Output,
    before: &Path,
    after: &Path,
    prove: Option<&Path>,
) -> Result<u8, Failure> {
    let result = compare(&exported(before)?, &exported(after)?);
    let lost: Vec<&str> = result.lost_elements.iter().map(|element| &**element).collect();
    let changes: Vec<Value> = result
        .changed
        .iter()
        .map(|user| {
            let changes = user
                .changes
                .iter()
                .map(|c| json!({ "element": &*c.element, "from": c.from.as_deref(), "to": c.to.as_deref() }));
            json!({ "name": &*user.name, "changes": changes.collect::<Vec<_>>() })
        })
        .collect();
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "users_compared": result.users_compared, "kept": result.kept,
            "lost_elements": lost, "changed": changes,
        })));
    }
    for user in &result.changed {
        output.human(&format!("~ {}\n", crate::view::text::shown(&user.name)));
        for change in &user.changes {
            let held =
                |text: &Option<Text>| text.as_deref().map_or("(none)".to_owned(), crate::view::text::shown);
            output.human(&format!(
                "    {}: {} -> {}\n",
                change.element,
                held(&change.from),
                held(&change.to)
            ));
        }
    }
    let compared = count(result.users_compared, "user");
    output.human(&format!("{compared} compared; different: {}.\n", result.changed.len()));
    if !lost.is_empty() {
        let message = format!("the update lost elements: {}", lost.join(", "));
        let why = Diagnostic::error(codes::OFFICE_UNEXPECTED, message)
            .hint("do not sync updates to this phone system; New and Delete are not concerned");
        output.diagnostics(&[why]);
        return Ok(exit::ERROR);
    }
    if !result.kept {
        let message = "nothing was lost, but the exports do not prove that an update keeps what reads hide";
        let why = Diagnostic::warning(codes::OFFICE_HIDES, message)
            .hint("let one sync update a user who has a forwarding or a mobile twinning number, between the two exports, and change nothing else");
        output.diagnostics(&[why]);
        return Ok(if prove.is_some() { exit::ERROR } else { exit::DONE });
    }
    output.human("Nothing was lost.\n");
    if let Some(job) = prove {
        let PhoneSystem::IpOffice(real) = wiring::load_job(job)?.phone_system else {
            let message = "an embedded office hides nothing, so it needs no proof";
            return Err(Failure::new(exit::USAGE, codes::USAGE, message));
        };
        if result.users_compared == 0 || result.changed.is_empty() {
            let message = "the exports show no update at all, so they prove nothing";
            return Err(Failure::new(exit::ERROR, codes::OFFICE_HIDES, message)
                .hint("export, sync one update through the Management API, export again"));
        }
        wiring::store(global).await?.put_note(&offices::proof_of(&real), "kept")?;
        output.human("The proof is kept: updates of this phone system carry no warning any more.\n");
    }
    Ok(exit::DONE)
}
