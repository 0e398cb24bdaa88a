//! Reading a job file with what it includes, and putting the job together.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rollcall_core::diag::line_and_column;
use rollcall_core::policy::Policy;
use rollcall_core::{Diagnostic, Place, Text, codes};
use toml::de::DeTable;

use crate::directory::directories;
use crate::fields::fields;
use crate::handover::handover;
use crate::hidden;
use crate::job::Job;
use crate::keys;
use crate::limits::{FILE_BYTES_MAX, INCLUDES_MAX, NAME_CHARS_MAX};
use crate::notify::notify;
use crate::phone_system::phone_system;
use crate::plan::{adopt, guard, leavers, numbers, rules, synchronize};
use crate::schedule::schedule;
use crate::spans::{At, Source, Spans};
use crate::tree::{self, Kind, Table};
use crate::walk::{Section, Walk};

/// How a file's text is got; tests have theirs in memory.
pub(crate) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Reads a job file.
///
/// # Errors
/// Every mistake of the file and of those it includes, in the order of files and lines.
pub fn load(path: &Path) -> Result<Job, Vec<Diagnostic>> {
    match read(path) {
        (Some(job), problems) if problems.is_empty() => Ok(job),
        (_, problems) => Err(problems),
    }
}

/// Reads a job file and gives, beside every mistake, what could be understood of it: good for checking its rules and
/// expressions in the same breath, and for nothing else unless there are no mistakes. `None` where the file cannot be
/// read.
pub fn read(path: &Path) -> (Option<Job>, Vec<Diagnostic>) {
    read_with(path, &read_file)
}

fn read_file(path: &Path) -> io::Result<String> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("it is larger than {FILE_BYTES_MAX} bytes")));
    }
    String::from_utf8(bytes).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// The files of a job, merged.
#[derive(Default)]
struct Files {
    sources: Vec<Source>,
    folders: Vec<PathBuf>,
    /// The merged keys.
    table: Table,
    /// Mistakes that were found while reading and merging.
    problems: Vec<(At, Diagnostic)>,
    /// Whether one of the files is no TOML: what seems to be missing may then stand in what was not understood.
    broken: bool,
}

pub(crate) fn read_with(path: &Path, read: ReadFile<'_>) -> (Option<Job>, Vec<Diagnostic>) {
    if let Some(list) = list_of_people(path) {
        return (None, vec![list]);
    }
    let mut files = Files::default();
    let text = match read(path) {
        Ok(text) => text,
        Err(why) => return (None, vec![unreadable(path, &why)]),
    };
    let table = files.add(path, text);
    let includes = table.get("include").cloned();
    files.table = table;
    if let Some(node) = includes {
        files.include(path, &node, read);
    }
    files.cover();
    let Files { sources, folders, table, problems, broken } = files;
    let mut walk = Walk::new(&sources, &folders);
    let broken_lines: Vec<(usize, usize)> = problems
        .iter()
        .filter(|(_, problem)| problem.code == codes::JOB_SYNTAX)
        .map(|(at, _)| line_of(&sources, at))
        .collect();
    for (at, problem) in problems {
        walk.report(&at, problem);
    }
    let job = assemble(&mut walk, path, &table);
    let mut found = walk.finish();
    if broken {
        found.retain(|problem| credible(problem, &sources, &broken_lines));
    }
    found.dedup();
    let mut places = BTreeMap::new();
    places.insert(Vec::new(), At { source: 0, bytes: 0..0 });
    tree::places(&table, &mut Vec::new(), &mut places);
    (Some(Job { spans: Spans { sources: sources.into(), places }, ..job }), found)
}

/// Tells whether a mistake of a file that is no TOML is one in its own right and not a consequence.
fn credible(problem: &Diagnostic, sources: &[Source], broken: &[(usize, usize)]) -> bool {
    let Place::Span { file, source, bytes } = &problem.place else { return true };
    let line = line_and_column(source, bytes.start).0;
    let here = (sources.iter().position(|source| source.file == *file).unwrap_or(0), line);
    problem.code == codes::JOB_SYNTAX || (problem.code != codes::JOB_MISSING_KEY && !broken.contains(&here))
}

fn line_of(sources: &[Source], at: &At) -> (usize, usize) {
    let text = sources.get(at.source).map(|source| &*source.text).unwrap_or_default();
    (at.source, line_and_column(text, at.bytes.start).0)
}

fn unreadable(path: &Path, why: &io::Error) -> Diagnostic {
    let message = format!("the job file `{}` cannot be read: {}", path.display(), reason(why));
    let hint = match why.kind() {
        io::ErrorKind::NotFound => "name the job file, or make one with `rollcall init`".to_owned(),
        io::ErrorKind::IsADirectory => inside(path),
        _ => "look at the file and its permissions".to_owned(),
    };
    Diagnostic::error(codes::JOB_UNREADABLE, message).hint(hint)
}

/// Says what to type in the place of a folder: the job files in it, as far as they are a few.
fn inside(folder: &Path) -> String {
    const NAMED_MOST: usize = 5;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut jobs: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect();
    jobs.sort();
    let named: Vec<String> = jobs.iter().take(NAMED_MOST).map(|job| format!("`{}`", job.display())).collect();
    match named.as_slice() {
        [] => "name a job file; none lies in this folder".to_owned(),
        [one] => format!("type {one}"),
        several => format!("name one of the files in it, such as {}", several.join(", ")),
    }
}

/// Says that what was given for the job is the list that a job reads, going by its ending: read as TOML, each of its lines
/// would be a mistake of its own.
fn list_of_people(path: &Path) -> Option<Diagnostic> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    if !["csv", "tsv", "json", "ndjson", "jsonl"].contains(&ending.as_str()) {
        return None;
    }
    let message = format!("`{}` is no job file", path.display());
    let hint = format!(
        "give the job that reads it, with `path = \"{}\"` under [directory.settings]; `rollcall init DIR --from csv` makes one",
        path.display()
    );
    Some(Diagnostic::error(codes::JOB_UNREADABLE, message).hint(hint))
}

/// Words an error without the number that the standard library appends.
pub(crate) fn reason(why: &io::Error) -> String {
    match why.kind() {
        io::ErrorKind::NotFound => "there is no such file".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::IsADirectory => "it is a folder".into(),
        _ if why.raw_os_error().is_some() => why.to_string().to_lowercase(),
        _ => why.to_string(),
    }
}

impl Files {
    /// Parses a file and keeps its text.
    fn add(&mut self, path: &Path, text: String) -> Table {
        let index = self.sources.len();
        let (parsed, errors) = DeTable::parse_recoverable(&text);
        for error in &errors {
            let bytes = error.span().unwrap_or(0..0);
            let message = format!("this is no TOML: {}", error.message());
            let problem = Diagnostic::error(codes::JOB_SYNTAX, message)
                .hint("TOML writes `key = \"text\"` under a `[table]`, and each key once");
            self.problems.push((At { source: index, bytes }, problem));
        }
        let table = tree::table(index, parsed.get_ref());
        let mut source = Source { file: path.to_string_lossy().into(), text: text.as_str().into() };
        if !errors.is_empty() {
            self.broken = true;
            hidden::cover_lines(&mut source);
        }
        self.sources.push(source);
        self.folders.push(path.parent().map(Path::to_path_buf).unwrap_or_default());
        table
    }

    /// Reads and merges the files that the job includes.
    fn include(&mut self, path: &Path, node: &tree::Node, read: ReadFile<'_>) {
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let wrong = |message: &str| {
            Diagnostic::error(codes::JOB_BAD_VALUE, message).hint("write `include = [\"phone_system.toml\"]`")
        };
        let Kind::Array(members) = &node.kind else {
            self.problems.push((node.at.clone(), wrong("`include` takes a list of files")));
            return;
        };
        if members.len() > INCLUDES_MAX {
            let message = format!("`include` names more than {INCLUDES_MAX} files");
            self.problems.push((node.at.clone(), wrong(&message)));
            return;
        }
        for member in members {
            let Kind::Text(name) = &member.kind else {
                self.problems.push((member.at.clone(), wrong("`include` takes a list of files")));
                continue;
            };
            let included = folder.join(&**name);
            match read(&included) {
                Ok(text) => self.merge(&included, text),
                Err(why) => {
                    let message = format!("`{}` cannot be read: {}", included.display(), reason(&why));
                    let hint = "a path is relative to the file that it stands in";
                    let problem = Diagnostic::error(codes::JOB_UNREADABLE, message).hint(hint);
                    self.problems.push((member.at.clone(), problem));
                    // What is missing may stand in the file that was not read.
                    self.broken = true;
                }
            }
        }
    }

    fn merge(&mut self, path: &Path, text: String) {
        let mut table = self.add(path, text);
        if let Some(node) = table.remove("include") {
            let message = "an included file cannot include others";
            let problem = Diagnostic::error(codes::JOB_BAD_VALUE, message)
                .hint("name every file in the job file's own `include`");
            self.problems.push((node.key, problem));
        }
        let mut twice = Vec::new();
        tree::merge(&mut self.table, table, "", &mut twice);
        for found in twice {
            let problem =
                Diagnostic::error(codes::JOB_TWICE, found.message(&self.sources)).hint("keep one of the two");
            self.problems.push((found.at, problem));
        }
    }

    /// Covers credentials that should not stand there, before anything quotes a line.
    fn cover(&mut self) {
        let found = hidden::search(&self.table);
        for at in &found.covered {
            if let Some(source) = self.sources.get_mut(at.source) {
                hidden::cover(source, &at.bytes);
            }
        }
        self.problems.extend(found.problems);
    }
}

/// Puts the job together, every table in its turn.
fn assemble(walk: &mut Walk<'_>, path: &Path, table: &Table) -> Job {
    let at = At { source: 0, bytes: 0..0 };
    let root = Section { path: "", at: &at, table };
    walk.known(&root, keys::of(""));
    let name = name(walk, &root);
    let directories = directories(walk, &root);
    let phone_system = phone_system(walk, &root);
    let mut policy = Policy::default();
    let mapped = fields(walk, &root);
    policy.fields = mapped.policies;
    policy.random = mapped.random;
    let rule_files = rules(walk, &root, &mut policy);
    let (reserved, twinning_countries) = numbers(walk, &root);
    policy.reserved = reserved;
    synchronize(walk, &root, &mut policy);
    policy.adopt = adopt(walk, &root, &policy);
    policy.limits = guard(walk, &root);
    policy.precedence =
        directories.iter().filter_map(|one| Some((one.name.clone(), one.precedence?))).collect();
    Job {
        name,
        file: path.to_path_buf(),
        folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
        directories,
        phone_system,
        fields: mapped.expressions,
        rule_files,
        twinning_countries,
        policy,
        leavers: leavers(walk, &root),
        schedule: schedule(walk, &root),
        notify: notify(walk, &root),
        handover: handover(walk, &root),
        spans: Spans::default(),
    }
}

fn name(walk: &mut Walk<'_>, root: &Section<'_>) -> Text {
    if root.get("name").is_none() {
        walk.missing(root, "name", "write `name = \"TeamsUsers\"` at the top; the name identifies the job");
    }
    let hint = format!("write a name of 1 to {NAME_CHARS_MAX} plain characters");
    walk.parsed(root, "name", &hint, |name| {
        if name.chars().count() > NAME_CHARS_MAX {
            Err("too long".into())
        } else if name.chars().any(rollcall_core::constraint::invisible) || name.trim() != name {
            Err("it has a control character or a space at an end".into())
        } else {
            Ok(Text::from(name))
        }
    })
    .unwrap_or_default()
}
