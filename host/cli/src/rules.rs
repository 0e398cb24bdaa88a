//! A job's expressions and rule files, compiled.

use rollcall_core::{Diagnostic, Place, Text, codes};
use rollcall_job::job::{self, Job};
use rollcall_script::{Expression, Origin, RuleFile, Rules, Source};

/// The largest rule file that is read, in bytes.
const RULE_FILE_BYTES_MAX: u64 = 1 << 20;

/// Compiled rules.
pub(crate) struct Compiled {
    pub(crate) rules: Rules,
    /// What is worth a warning.
    pub(crate) warnings: Vec<Diagnostic>,
    /// The rule files with their text.
    pub(crate) files: Vec<(Text, Text)>,
}

/// Compiles everything, or gives every mistake.
pub(crate) fn compile(job: &Job) -> Result<Compiled, Vec<Diagnostic>> {
    let (source, mut wrong) = source(job);
    match Rules::compile(&source) {
        Ok((rules, warnings)) if wrong.is_empty() => {
            let files = source.rule_files.into_iter().map(|file| (file.name, file.source)).collect();
            Ok(Compiled { rules, warnings, files })
        }
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
    let expression = |one: &Option<(Text, Option<job::Origin>)>| {
        one.as_ref().map(|(text, at)| (text.clone(), at.as_ref().map(origin)))
    };
    let source = Source {
        fields,
        rule_files,
        protect: expression(&job.leavers.protect),
        disabled: expression(&job.leavers.disabled_when).filter(|_| job.leavers.keep_disabled),
        twinning_countries: job.twinning_countries.clone(),
    };
    (source, wrong)
}

fn origin(origin: &job::Origin) -> Origin {
    Origin {
        file: origin.file.clone(),
        source: origin.source.clone(),
        bytes: origin.bytes.clone(),
        verbatim: origin.verbatim,
    }
}
