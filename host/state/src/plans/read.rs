//! Reading a plan file, line by line. Nothing of it is believed before its last line has been checked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::Path;

use ring::hmac;
use rollcall_core::plan::{Pending, Plan, Reading};
use rollcall_core::{Diagnostic, Secret, Text, codes};
use rollcall_edges::clock::Instant;
use rollcall_edges::plans::{KeptPlan, PlanFileError, PlanMark};
use rollcall_edges::state::StateError;
use sha2::{Digest as _, Sha256};

use super::{Header, LAST, Last, Line, MAGIC, VERSION, mac_key, no_plan, record_id, refused, state_name};
use crate::changes::{back_change, back_moves};
use crate::limits::PLAN_LINE_BYTES_MAX;
use crate::seal::damaged;
use crate::shapes::{Held, parse};
use crate::store::Store;

impl Store {
    /// Reads a plan file that this state wrote. With `codes` they are taken from the state; without, they stand empty,
    /// which is enough to show the plan.
    ///
    /// # Errors
    /// Where the file cannot be read; where it is no plan file, was altered or cut short, or another state wrote it;
    /// where its codes are wanted and kept no longer.
    pub fn read_plan(&self, path: &Path, codes: bool) -> Result<KeptPlan, PlanFileError> {
        let mut lines = Lines::open(path)?;
        let header = self.header(path, &mut lines)?;
        // A plan that was applied has no codes any more, and is refused for that by whoever wants to apply it.
        let waits = codes && self.read_plan_mark(&header.id)? == Some(PlanMark::Waiting);
        let kept = if waits { Some(self.plan_codes(&header.id)?) } else { None };
        let missing = || damaged("the state keeps the codes of this plan no longer");
        let mut show = |held: &Held| match (held, &kept) {
            (Held::Kept(_), None) => Ok(Secret::new("")),
            (Held::Kept(place), Some(codes)) => codes.get(place).cloned().ok_or_else(missing),
            _ => Err(damaged("a code of the plan is not kept by the state")),
        };
        let mut plan = begun(header);
        // What does not parse is most likely altered, and the last line says so; until then it has to wait.
        let mut broken: Option<StateError> = None;
        while let Some(line) = lines.next()? {
            if broken.is_none() {
                broken = parse::<Line>(&line).and_then(|line| take(&mut plan, line, &mut show)).err();
            }
        }
        lines.authentic(self)?;
        match broken {
            Some(error) => Err(error.into()),
            None => Ok(plan),
        }
    }

    fn header(&self, path: &Path, lines: &mut Lines<'_>) -> Result<Header, PlanFileError> {
        let first = match lines.next()? {
            None if lines.cut => return Err(lines.altered("its end is missing")),
            first => first.unwrap_or_default(),
        };
        let version = first.strip_prefix(MAGIC).map(|rest| rest.split(',').next().unwrap_or_default());
        let Some(version) = version else { return Err(no_plan(path, "it does not begin like one")) };
        if let Ok(other) = version.parse::<u32>()
            && other != VERSION
        {
            let age = if other > VERSION { "a newer" } else { "an older" };
            let message = format!(
                "`{}` is from {age} rollcall (plan format {version}, this one knows {VERSION})",
                path.display()
            );
            return Err(refused(
                Diagnostic::error(codes::PLAN_ALTERED, message).hint("use that version, or make a new plan"),
            ));
        }
        let header: Header =
            serde_json::from_str(&first).map_err(|_| no_plan(path, "its first line is damaged"))?;
        if header.state != state_name(&self.seal) {
            let message = format!("the plan `{}` was made with another state", path.display());
            return Err(refused(
                Diagnostic::error(codes::PLAN_ELSEWHERE, message)
                    .hint("apply it where it was made, or give that state with `--state DIR`"),
            ));
        }
        Ok(header)
    }
}

fn begun(header: Header) -> KeptPlan {
    let text = |(name, value): (String, String)| (Text::from(name), Text::from(value));
    KeptPlan {
        id: header.id.into(),
        created: Instant(header.created),
        job: header.job.into(),
        file: header.file.into(),
        decided_by: header.decided_by.into_iter().map(text).collect(),
        directories: header.directories.into_iter().map(text).collect(),
        office: header.office.map(Text::from),
        accepted: header.accepted.into_iter().map(|(name, figure)| (name.into(), figure)).collect(),
        plan: Plan {
            owned: header.owned,
            vanished: header.vanished,
            reading: Reading {
                complete: header.complete,
                users: header.directory_users.into_iter().map(|(name, users)| (name.into(), users)).collect(),
            },
            complete: header.complete,
            applyable: header.applyable,
            errored: header.errored,
            undoes: header.undoes.map(Text::from),
            ..Plan::default()
        },
        ..KeptPlan::default()
    }
}

fn take(
    kept: &mut KeptPlan,
    line: Line,
    show: &mut dyn FnMut(&Held) -> Result<Secret, StateError>,
) -> Result<(), StateError> {
    let plan = &mut kept.plan;
    match line {
        Line::Change(held) => plan.changes.push(back_change(*held, show)?),
        Line::Order(moves) => plan.order.extend(back_moves(moves, plan.changes.len())?),
        Line::Pending { key, name, extension, why } => plan.pending.push(Pending {
            key: key.into(),
            name: name.map(Text::from),
            extension: extension.map(Text::from),
            why,
        }),
        Line::Unchanged(key, name, extension) => {
            plan.unchanged.push((key.into(), name.into(), extension.map(Text::from)));
        }
        Line::Note(held) => plan.diagnostics.push(held.back()?),
        Line::Refused(held) => kept.refusals.push(held.back()?),
        Line::Missing { directory, native } => plan.missing.push(record_id(directory, native)),
        Line::Ended { directory, native } => _ = kept.ended.insert(record_id(directory, native)),
    }
    Ok(())
}

/// The codes of a plan by their numbers.
pub(super) type Codes = BTreeMap<u32, Secret>;

/// A file that is being read, with the digest of what it had so far.
struct Lines<'a> {
    from: BufReader<File>,
    digest: Sha256,
    path: &'a Path,
    /// The last line, once it was met.
    last: Option<String>,
    /// Whether the first line begins like a plan's and has no end.
    cut: bool,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, PlanFileError> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        let meta = file.metadata().map_err(|error| unreadable(path, &error))?;
        if meta.is_dir() {
            return Err(unreadable(path, &ErrorKind::IsADirectory.into()));
        }
        Ok(Self { from: BufReader::new(file), digest: Sha256::new(), path, last: None, cut: false })
    }

    /// Gives the next line without its line break; `None` behind the last of the plan's own lines.
    fn next(&mut self) -> Result<Option<String>, PlanFileError> {
        if self.last.is_some() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(PLAN_LINE_BYTES_MAX).read_until(b'\n', &mut bytes);
        read.map_err(|error| unreadable(self.path, &error))?;
        if bytes.starts_with(LAST.as_bytes()) {
            self.last = Some(String::from_utf8_lossy(&bytes).into_owned());
            return Ok(None);
        }
        self.digest.update(&bytes);
        if bytes.pop() != Some(b'\n') {
            // Cut short, or a line that no plan has: the check of the last line will fail.
            self.cut = bytes.starts_with(MAGIC.as_bytes());
            return Ok(None);
        }
        Ok(Some(String::from_utf8(bytes).unwrap_or_default()))
    }

    fn altered(&self, why: &str) -> PlanFileError {
        let message = format!("the plan `{}` is not as it was written: {why}", self.path.display());
        refused(Diagnostic::error(codes::PLAN_ALTERED, message).hint("make a new plan"))
    }

    /// Tells whether everything that was read is as this state wrote it, and nothing follows.
    fn authentic(mut self, store: &Store) -> Result<(), PlanFileError> {
        let Some(last) = &self.last else { return Err(self.altered("its end is missing")) };
        let mut rest = [0u8; 1];
        let more = self.from.read(&mut rest).map_err(|error| unreadable(self.path, &error))?;
        // Only the very bytes that are written for the tag are taken: one way to write it, no other.
        let tag = serde_json::from_str::<Last>(last)
            .ok()
            .filter(|parsed| crate::shapes::json(parsed).is_ok_and(|text| format!("{text}\n") == *last));
        let tag = tag.and_then(|last| unhex(&last.mac));
        let good = tag.is_some_and(|tag| {
            hmac::verify(&mac_key(&store.seal), &self.digest.clone().finalize(), &tag).is_ok()
        });
        if good && more == 0 {
            Ok(())
        } else {
            Err(self.altered("something was changed, added or taken away"))
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

fn unreadable(path: &Path, error: &std::io::Error) -> PlanFileError {
    let why = match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::IsADirectory => "it is a folder".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    let message = format!("the plan file `{}` cannot be read: {why}", path.display());
    PlanFileError::File { message, hint: Some("`rollcall preview --out PLAN` writes one".to_owned()) }
}
