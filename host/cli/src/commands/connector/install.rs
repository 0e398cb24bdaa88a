//! `connector install`, `update`, `list`, `remove` and `lock`: what an operator lets run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use rollcall_connectors::asks::{Ask, asks, more};
use rollcall_connectors::installed::{Installed, Register, Standing};
use rollcall_connectors::packing::Bundle;
use rollcall_connectors::pins::{FILE, Pin};
use rollcall_core::text::count;
use rollcall_core::{Diagnostic, codes};
use rollcall_state::Shelf;
use serde_json::json;

use crate::args::{Global, InstallArgs};
use crate::commands::connector::given::Given;
use crate::commands::connector::inspect::{ask_json, asked};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::report::can_ask;
use crate::view::json as shapes;
use crate::view::text::{shown, table};
use crate::wiring::{self, Connectors, held_to, pins_of, read_pins, reserved, state_folder, write_pins};

/// The widest column of a table, in characters.
const WIDEST: usize = 40;

/// Changes the register, alone.
pub(super) fn change<T>(
    global: &Global,
    change: impl FnOnce(&mut Register) -> Result<T, Failure>,
) -> Result<T, Failure> {
    change_with(global, &[], change)
}

/// Changes the register and writes files beside it; those that no installed connector needs are removed.
fn change_with<T>(
    global: &Global,
    write: &[(String, &[u8])],
    change: impl FnOnce(&mut Register) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let shelf = Shelf::of(&state_folder(global)?);
    let held = shelf.hold()?;
    let mut register = wiring::register(&shelf)?;
    let changed = change(&mut register)?;
    for (name, content) in write {
        held.put(name, content)?;
    }
    let keep: BTreeSet<String> = register.connectors.values().flat_map(Installed::files).collect();
    held.put_register(&register.text(), &keep)?;
    Ok(changed)
}

fn invalid(why: Diagnostic) -> Failure {
    Failure::invalid(vec![why])
}

/// What is to be installed, judged.
struct Judged {
    bundle: Bundle,
    standing: Standing,
    origin: Option<String>,
}

impl Judged {
    /// Judges a package by what is trusted and installed.
    fn of(register: &Register, given: &Given, args: &InstallArgs) -> Result<Self, Failure> {
        let signed = given.signature.as_ref().map(|(signature, _)| signature);
        let bundle = Bundle::read_if(given.bytes.clone(), |bytes| register.untampered(bytes, signed))
            .map_err(Failure::invalid)?;
        reserved(bundle.package()).map_err(invalid)?;
        let standing = register.judge(&bundle, signed, args.allow_unsigned).map_err(invalid)?;
        if !args.allow_downgrade {
            register.newer(&bundle).map_err(invalid)?;
        }
        // A package that was fetched once and is given as a file now still comes from there.
        let known = register.connectors.get(bundle.name()).filter(|known| known.sha256 == bundle.digest());
        let origin = given.origin.clone().or_else(|| known.and_then(|known| known.origin.clone()));
        Ok(Self { bundle, standing, origin })
    }

    fn installed(&self) -> Installed {
        Installed {
            version: self.bundle.version().to_string(),
            sha256: self.bundle.digest(),
            key: self.standing.key.as_ref().map(ToString::to_string),
            origin: self.origin.clone(),
        }
    }

    fn who(&self) -> String {
        match (&self.standing.key, &self.standing.publisher) {
            (Some(key), Some(name)) => format!("signed by {name} with the key {}", key.id()),
            _ => "NOT SIGNED by anybody who is trusted".to_owned(),
        }
    }
}

/// Installs a package. `update`: the connector must be installed already.
pub(super) async fn install(
    global: &Global,
    output: &Output,
    args: &InstallArgs,
    update: bool,
) -> Result<u8, Failure> {
    let connectors = Connectors::of(&state_folder(global)?)?;
    let given = Given::of(&connectors.register, args, update).await?;
    let judged = Judged::of(&connectors.register, &given, args)?;
    let name = judged.bundle.name();
    let before = connectors.register.connectors.get(name);
    if update && before.is_none() {
        return Err(not_installed(&connectors.register, name));
    }
    let new = judged.installed();
    if global.locked {
        let folder = args.lock.as_deref().unwrap_or(Path::new(""));
        held_to(folder, &new.pin(judged.bundle.package()), true).map_err(invalid)?;
    }
    let pin = |new: &Installed| lock_with(output, args, &connectors, &new.pin(judged.bundle.package()));
    // What cannot be opened any more is installed again.
    let old = before.and_then(|before| connectors.open(name, before).ok());
    if before == Some(&new) && old.is_some() {
        pin(&new)?;
        if output.json {
            output.payload(&installed_json(name, &new, &judged, &[]));
        }
        output.human(&format!("{name} {} is installed already\n", new.version));
        return Ok(exit::DONE);
    }
    let manifest = judged.bundle.package().manifest();
    let asked_for = match &old {
        Some((old, _)) => more(old.package().manifest(), manifest),
        None => asks(manifest),
    };
    let other_key = before.is_some_and(|before| before.key != new.key || new.key.is_none());
    confirm(output, args, &judged, before.filter(|_| old.is_some()), &asked_for, other_key)?;
    let [package, signature] = new.files();
    let mut write = vec![(package, judged.bundle.bytes())];
    // Also where nobody trusts its key: it may be revoked later.
    write.extend(given.signature.as_ref().map(|(_, text)| (signature, text.as_bytes())));
    change_with(global, &write, |register| {
        // What was judged while somebody was asked may have been revoked or overtaken since.
        let again = Judged::of(register, &given, args)?.installed();
        if again != new {
            let message = format!("who answers for `{name}` was changed meanwhile");
            return Err(
                Failure::new(exit::INVALID, codes::PACKAGE_TAMPERED, message).hint("look at it again")
            );
        }
        register.connectors.insert(name.to_owned(), again);
        Ok(())
    })?;
    pin(&new)?;
    if output.json {
        output.payload(&installed_json(name, &new, &judged, &asked_for));
    }
    output
        .human(&format!("{name} {} is installed; a job names it as `connector = \"{name}\"`\n", new.version));
    Ok(exit::DONE)
}

/// Pins what was installed in the folder that was named; where none was, says what still pins another one.
fn lock_with(output: &Output, args: &InstallArgs, connectors: &Connectors, new: &Pin) -> Result<(), Failure> {
    if let Some(folder) = &args.lock {
        return write_pins(folder, connectors, vec![new.clone()]);
    }
    let (name, before) = (&new.name, connectors.register.connectors.get(&new.name));
    let again =
        "`rollcall connector lock JOB` pins the one of now, and so does `--lock DIR` with this command";
    // A lock of which this connector is no part is of other jobs.
    let here = read_pins(Path::new("")).ok().flatten();
    let known = here.as_ref().and_then(|pins| Some((pins.check(new), pins.of(name)?)));
    match known {
        Some((Ok(()), _)) => {}
        Some((Err(why), pinned)) if pinned.is_bare() => {
            let message = format!(
                "`{FILE}` pins a component that a job names by its path as the connector `{name}`, and another one is in this \
                 package: jobs of this folder that name it as `{name}` do not run"
            );
            let hint = format!(
                "the jobs that name it by its path go on; keep the others in a folder of their own, or, where there are none \
                 by path any more, take the line of `{name}` out of `{FILE}`"
            );
            output.diagnostics(&[Diagnostic::warning(why.code, message).hint(hint)]);
        }
        Some((Err(why), _)) => {
            let message = format!(
                "{}: jobs of this folder that name it as `{name}` do not run until it is moved",
                why.message
            );
            output.diagnostics(&[Diagnostic::warning(why.code, message).hint(again)]);
        }
        None if before.is_some_and(|before| before.sha256 != new.sha256) => {
            output.say(&format!("a `{FILE}` beside a job goes on pinning the earlier one: {again}"));
        }
        None => {}
    }
    Ok(())
}

fn installed_json(name: &str, installed: &Installed, judged: &Judged, asks: &[Ask]) -> String {
    shapes::write(&json!({
        "schema_version": shapes::SCHEMA_VERSION, "name": name, "version": installed.version,
        "sha256": installed.sha256, "key": installed.key, "publisher": judged.standing.publisher,
        "origin": installed.origin, "asks": asks.iter().map(ask_json).collect::<Vec<_>>(),
    }))
}

/// Shows what is asked for, and asks. An update that asks for nothing new, of the same publisher, asks nobody.
fn confirm(
    output: &Output,
    args: &InstallArgs,
    judged: &Judged,
    before: Option<&Installed>,
    asked_for: &[Ask],
    other_key: bool,
) -> Result<(), Failure> {
    let (name, version) = (judged.bundle.name(), judged.bundle.version());
    let mut shows = format!("{name} {version}: {}\n", shown(&judged.bundle.package().manifest().about));
    let _ = writeln!(shows, "{}\nsha256:{}", shown(&judged.who()), judged.bundle.digest());
    if let Some(origin) = &judged.origin {
        let _ = writeln!(shows, "from {}", shown(origin));
    }
    match before {
        Some(before) => {
            let _ = writeln!(
                shows,
                "\nIt takes the place of {}, and asks for what that did not:",
                before.version
            );
        }
        None => shows.push_str("\nIt asks for\n"),
    }
    shows.push_str(&asked(asked_for));
    if other_key {
        shows.push_str("\nNothing says that it comes from whoever made the one that is installed.\n");
    }
    let nothing_new = before.is_some() && asked_for.is_empty() && !other_key;
    if args.yes || nothing_new {
        output.say(shows.trim_end());
        return Ok(());
    }
    output.ask(&shows, &[]);
    if can_ask().is_err() {
        let (code, message) = match before {
            Some(_) if !asked_for.is_empty() => {
                let things = count(asked_for.len(), "thing");
                (
                    codes::PACKAGE_ASKS,
                    format!("{name} {version} asks for {things} more, and nobody can be asked"),
                )
            }
            _ => (codes::NOT_CONFIRMED, format!("nobody can be asked whether to install {name} {version}")),
        };
        return Err(
            Failure::new(exit::USAGE, code, message).hint("look at what it asks for, then give `--yes`")
        );
    }
    if output.confirm("\nInstall it? Only `yes` does:") {
        return Ok(());
    }
    let hint = "`--yes` answers for you";
    Err(Failure::new(exit::ERROR, codes::NOT_CONFIRMED, "nothing was installed").hint(hint))
}

pub(super) fn not_installed(register: &Register, name: &str) -> Failure {
    let names: Vec<&str> = register.connectors.keys().map(String::as_str).collect();
    let hint = match names.as_slice() {
        [] => "none is installed; `rollcall connector install PACKAGE` does that".to_owned(),
        names => format!("installed are {}", names.join(", ")),
    };
    Failure::new(exit::ERROR, codes::NOT_INSTALLED, format!("the connector `{name}` is not installed"))
        .hint(hint)
}

/// Lists what is installed.
pub(super) fn list(global: &Global, output: &Output) -> Result<u8, Failure> {
    let connectors = Connectors::of(&state_folder(global)?)?;
    let (mut rows, mut payload) = (Vec::new(), Vec::new());
    for (name, installed) in &connectors.register.connectors {
        let opened = connectors.open(name, installed);
        let publisher = opened.as_ref().ok().and_then(|(_, standing)| standing.publisher.clone());
        let refused = opened.err().and_then(|why| why.into_iter().next());
        let signed = match (&installed.key, &publisher) {
            (None, _) => "not signed".to_owned(),
            (Some(_), Some(publisher)) => publisher.clone(),
            (Some(_), None) => "-".to_owned(),
        };
        let state =
            refused.as_ref().map_or_else(|| "runs".to_owned(), |why| format!("refused: {}", why.message));
        let short: String = installed.sha256.chars().take(16).collect();
        rows.push(vec![name.clone(), installed.version.clone(), signed, format!("sha256:{short}…"), state]);
        payload.push(json!({
            "name": name, "version": installed.version, "sha256": installed.sha256, "key": installed.key,
            "publisher": publisher, "signed": installed.key.is_some(), "origin": installed.origin,
            "refused": refused.map(|why| json!({ "code": why.code.0, "message": &*why.message })),
        }));
    }
    if output.json {
        output.payload(&shapes::write(
            &json!({ "schema_version": shapes::SCHEMA_VERSION, "connectors": payload }),
        ));
    }
    match rows.as_slice() {
        [] => output.human("no connector is installed; those that come with rollcall need not be\n"),
        rows => output.human(&table(&["name", "version", "signed by", "package", "state"], rows, WIDEST)),
    }
    Ok(exit::DONE)
}

/// Removes an installed connector.
pub(super) fn remove(global: &Global, output: &Output, name: &str) -> Result<u8, Failure> {
    let removed = change(global, |register| {
        register.connectors.remove(name).ok_or_else(|| not_installed(register, name))
    })?;
    if output.json {
        output.payload(&shapes::write(
            &json!({ "schema_version": shapes::SCHEMA_VERSION, "name": name, "removed": removed.version }),
        ));
    }
    output.human(&format!("{} {} is removed\n", shown(name), shown(&removed.version)));
    Ok(exit::DONE)
}

/// Pins the connectors of a job.
pub(super) fn lock(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let (job, pins) = pins_of(global, job)?;
    if output.json {
        output.payload(&shapes::write(&json!({ "schema_version": shapes::SCHEMA_VERSION, "pinned": pins })));
    }
    let told: String =
        pins.iter().map(|pin| format!("{} {} sha256:{}\n", pin.name, pin.version, pin.sha256)).collect();
    write_pins(&job.folder, &Connectors::of(&state_folder(global)?)?, pins)?;
    let none = "every connector of the job comes with rollcall, so that none is pinned\n";
    output.human(if told.is_empty() { none } else { &told });
    Ok(exit::DONE)
}
