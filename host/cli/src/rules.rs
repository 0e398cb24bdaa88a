//! A job's expressions and rule files, compiled.

use rollcall_core::{Diagnostic, Place, Text, codes};
use rollcall_job::job::{self, Job};
use rollcall_script::{Expression, Origin, RuleFile, Rules, Source};

/// The largest rule file that is read, in bytes.
const RULE_FILE_BYTES_MAX: u64 = 1 << 20;

/// Compiles everything and gives what is worth a warning with it, or every mistake.
pub(crate) fn compile(job: &Job) -> Result<(Rules, Vec<Diagnostic>), Vec<Diagnostic>> {
    let (source, mut wrong) = source(job);
    match Rules::compile(&source) {
        Ok(compiled) if wrong.is_empty() => Ok(compiled),
        Ok(_) => Err(wrong),
        Err(found) => {
            wrong.extend(found);
            Err(wrong)
        }
    }
}

/// Gives the sources of a job's expressions and rules, with the mistakes of files that cannot be read.
pub(crate) fn source(job: &Job) -> (Source, Vec<Diagnostic>) {
    let mut wrong = Vec::new();
    let mut rule_files = Vec::new();
    for path in &job.rule_files {
        let name: Text = path.display().to_string().into();
        let read = std::fs::metadata(path).and_then(|meta| {
            if meta.len() > RULE_FILE_BYTES_MAX {
                return Err(std::io::Error::other("it is too large for a rule file"));
            }
            std::fs::read_to_string(path)
        });
        match read {
            Ok(text) => rule_files.push(RuleFile { name, source: text.into() }),
            Err(error) => wrong.push(
                Diagnostic::error(
                    codes::RULE_UNREADABLE,
                    format!("the rule file `{name}` cannot be read: {error}"),
                )
                .at(job.place(&["rules", "files"]).unwrap_or(Place::Nowhere)),
            ),
        }
    }
    let fields = job
        .fields
        .iter()
        .map(|map| Expression {
            field: map.field,
            text: map.expression.clone(),
            origin: map.origin.as_ref().map(origin),
        })
        .collect();
    let protect = job.leavers.protect.as_ref().map(|(text, at)| (text.clone(), at.as_ref().map(origin)));
    (Source { fields, rule_files, protect, twinning_countries: job.twinning_countries.clone() }, wrong)
}

fn origin(origin: &job::Origin) -> Origin {
    Origin {
        file: origin.file.clone(),
        source: origin.source.clone(),
        bytes: origin.bytes.clone(),
        verbatim: origin.verbatim,
    }
}
