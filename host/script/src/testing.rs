//! `rollcall rules test`: cases in `*.test.toml` files beside the rules.
//!
//! ```toml
//! [[case]]
//! name = "sellers sit in Leeds and get a number of the range"    # optional: what the case shows
//! user = { id = "1", displayName = "Anna Berg", department = "Sales" }
//! rule = "UK sales"                     # "" or false: no rule
//! extension = "2000"                    # allocated by the rule or given by the field, as `number_precedence` says
//! email = "anna@corp.example"           # any field: its first candidate; a list: all of them; "" or []: not set
//! # error = "part of a message"         # the user must be skipped with this
//! ```
//!
//! `name` that a telephone could show (15 characters at most) is expected as the field `name`; whatever else stands
//! there is the case's title, as is `about`. Under `fields = { … }` every key is a field.
//!
//! The cases of one file share the rules' ranges, in order: the second seller gets the second number.

mod values;

use std::collections::BTreeSet;
use std::ops::Range;

use rollcall_core::map::keep_valid;
use rollcall_core::policy::{NumberPrecedence, Policy, WhenNoRule};
use rollcall_core::script::{Candidates, ExtensionKind, Rule, Script};
use rollcall_core::text::count;
use rollcall_core::{Code, Diagnostic, Field, Place, Record, RecordId, Text, Value, codes, constraint};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::catalogue::nearest;
use crate::compile::{Rules, Source};
use crate::coverage::Coverage;
use crate::eval::Asked;
use crate::input::User;
use crate::limits::TEST_CASES_MAX;
use values::{compare, entries, expect_error, record};

/// A test file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFile {
    /// The file as the user named it.
    pub name: Text,
    /// Its text.
    pub source: Text,
}

/// How the tests went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many cases there are.
    pub cases: usize,
    /// How many of them are as expected.
    pub passed: usize,
    /// How many rules there are.
    pub rules: usize,
    /// How many branches and functions the scripts have; `None`: they could not be watched.
    pub branches: Option<usize>,
    /// What failed (errors), and what no test reached (warnings).
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Tells whether every case is as expected and every file could be read.
    pub fn passed(&self) -> bool {
        !self.diagnostics.iter().any(|found| found.severity == rollcall_core::Severity::Error)
    }

    /// Says that the cases reached everything that there is; `None`: they did not, or there is nothing to reach.
    pub fn all_reached(&self) -> Option<String> {
        let missed = self.diagnostics.iter().any(|found| found.code == codes::RULE_UNTESTED);
        if missed || self.cases == 0 || self.rules + self.branches.unwrap_or(0) == 0 {
            return None;
        }
        let all = |number, noun| format!("{}{}", if number == 1 { "" } else { "all " }, count(number, noun));
        let parts = [(self.rules, "rule"), (self.branches.unwrap_or(0), "branch")];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, noun)| all(number, noun))
            .collect();
        Some(format!("{} reached", parts.join(" and ")))
    }
}

/// Runs test files against the rules and, where there are any, the fields of a source, under the default policy.
///
/// # Errors
///
/// The mistakes of the source, as from [`Rules::compile`]. A test file that cannot be read fails in the report.
pub fn run(source: &Source, files: &[TestFile]) -> Result<Report, Vec<Diagnostic>> {
    run_under(source, &Policy::default(), files)
}

/// As [`run`], under a job's policy: `number_precedence`, `reserved` and `when_no_rule` count.
///
/// # Errors
///
/// As [`run`].
pub fn run_under(source: &Source, policy: &Policy, files: &[TestFile]) -> Result<Report, Vec<Diagnostic>> {
    let (rules, notes) = Rules::compile(source)?;
    let coverage = Coverage::of(source);
    let mut run = Run {
        rules: &rules,
        policy,
        coverage: coverage.as_ref(),
        seen: Seen::default(),
        report: Report::default(),
    };
    run.report.diagnostics = notes;
    for file in files {
        run.file(file);
    }
    let missed = run.missed();
    run.report.diagnostics.extend(missed);
    run.report.rules = rules.rules.len();
    run.report.branches = coverage.as_ref().map(Coverage::branches);
    Ok(run.report)
}

/// Which rules were asked and chosen.
#[derive(Default)]
struct Seen {
    chosen: BTreeSet<usize>,
    held: BTreeSet<usize>,
    failed: BTreeSet<usize>,
}

impl Asked for Seen {
    fn condition(&mut self, rule: usize, holds: bool) {
        if holds {
            self.held.insert(rule)
        } else {
            self.failed.insert(rule)
        };
    }

    fn chosen(&mut self, rule: usize) {
        self.chosen.insert(rule);
    }
}

struct Run<'a> {
    rules: &'a Rules,
    policy: &'a Policy,
    coverage: Option<&'a Coverage>,
    seen: Seen,
    report: Report,
}

/// What is wrong with a case, and the bytes to underline.
type Mistake = (Code, String, Range<usize>);

/// One value of a case and its place.
type Entry<'a> = (&'a str, Range<usize>, &'a Spanned<DeValue<'a>>);

impl Run<'_> {
    fn file(&mut self, file: &TestFile) {
        let table = match DeTable::parse(&file.source) {
            Ok(table) => table,
            Err(error) => {
                let found = Diagnostic::error(codes::JOB_SYNTAX, error.message().to_lowercase());
                self.report.diagnostics.push(found.at(place(file, error.span().unwrap_or(0..0))));
                return;
            }
        };
        let mut taken = BTreeSet::new();
        for (key, value) in table.get_ref() {
            match (key.get_ref().as_ref(), value.get_ref().as_array()) {
                ("case", Some(cases)) => {
                    for case in cases.iter().take(TEST_CASES_MAX) {
                        self.case(file, case, &mut taken);
                    }
                    if cases.len() > TEST_CASES_MAX {
                        let message = format!("more than {TEST_CASES_MAX} cases in one file");
                        self.fail(file, codes::JOB_BAD_VALUE, message, key.span());
                    }
                }
                (other, _) => {
                    let message = format!("a test file has `[[case]]`, not `{other}`");
                    self.fail(file, codes::JOB_UNKNOWN_KEY, message, key.span());
                }
            }
        }
    }

    fn fail(&mut self, file: &TestFile, code: Code, message: String, bytes: Range<usize>) {
        self.report.diagnostics.push(Diagnostic::error(code, message).at(place(file, bytes)));
    }

    fn case(&mut self, file: &TestFile, case: &Spanned<DeValue<'_>>, taken: &mut BTreeSet<String>) {
        self.report.cases += 1;
        let before = self.report.diagnostics.len();
        let Some(table) = case.get_ref().as_table() else {
            return self.fail(file, codes::JOB_BAD_VALUE, "a case is a table".into(), case.span());
        };
        let entries = entries(table);
        let find = |key: &str| entries.iter().find(|(known, ..)| *known == key).map(|(.., value)| *value);
        let titled = self.title(&entries);
        let title = find("about").or(if titled { find("name") } else { None });
        let label = match title.and_then(|title| title.get_ref().as_str()) {
            Some(title) => format!("case `{}`", title.escape_debug()),
            None => format!("case {}", self.report.cases),
        };
        let native = format!("case {}", self.report.cases);
        let Some(user) = find("user") else {
            return self.fail(file, codes::JOB_MISSING_KEY, format!("{label} has no `user`"), case.span());
        };
        let record = match record(user, native) {
            Ok(record) => record,
            Err((message, bytes)) => return self.fail(file, codes::JOB_BAD_VALUE, message, bytes),
        };
        let answer = self.ask(&record, taken);
        let mut wrong: Vec<Mistake> = Vec::new();
        if let Some(error) = find("error") {
            wrong.extend(
                expect_error(&label, error, &answer)
                    .map(|message| (codes::RULE_TEST_FAILED, message, error.span())),
            );
        } else {
            for reason in &answer.errors {
                wrong.push((codes::RULE_TEST_FAILED, format!("{label}: {}", reason.message), user.span()));
            }
        }
        for (key, bytes, value) in &entries {
            match *key {
                "about" | "user" | "error" => {}
                "name" if titled => {}
                "fields" => match value.get_ref().as_table() {
                    Some(fields) => {
                        for (key, _, value) in values::entries(fields) {
                            wrong.extend(self.expect_field(&label, key, value, &answer));
                        }
                    }
                    None => wrong.push((
                        codes::JOB_BAD_VALUE,
                        format!("{label}: `fields` is a table"),
                        bytes.clone(),
                    )),
                },
                key => wrong.extend(self.expect(&label, key, bytes, value, &answer)),
            }
        }
        for (code, message, bytes) in wrong {
            self.fail(file, code, message, bytes);
        }
        if self.report.diagnostics.len() == before {
            self.report.passed += 1;
        }
    }

    /// Tells whether `name` is the case's title rather than the field.
    fn title(&self, entries: &[Entry<'_>]) -> bool {
        let named = |table: &DeTable<'_>| table.keys().any(|key| key.get_ref() == "name");
        let apart = entries
            .iter()
            .any(|(key, _, value)| *key == "fields" && value.get_ref().as_table().is_some_and(named));
        let shown = |text: &str| text.is_empty() || constraint::name(text).is_ok();
        apart
            || !self.rules.mapped().contains(&Field::Name)
            || entries.iter().any(|(key, _, value)| {
                *key == "name" && value.get_ref().as_str().is_some_and(|text| !shown(text))
            })
    }

    /// Asks the rules about a user, and the marked copy too.
    fn ask(&mut self, record: &Record, taken: &mut BTreeSet<String>) -> Answer {
        let mut answer = Answer::default();
        match self.rules.fields(record) {
            Ok(mut fields) => {
                for (field, values) in &mut fields {
                    answer.errors.extend(keep_valid(*field, values, self.rules));
                }
                answer.fields = fields;
            }
            Err(errors) => answer.errors.extend(errors),
        }
        let wanted = answer.first(Field::UserProvisioningRule);
        match self.rules.rule_asked(record, wanted.as_deref(), &mut self.seen) {
            Ok(rule) => answer.rule = rule,
            Err(errors) => answer.errors.extend(errors),
        }
        if let Some(coverage) = self.coverage {
            // The copy's answers are the same, and nobody needs them.
            let _ = coverage.rules.fields(record);
            let _ = coverage.rules.rule(record, wanted.as_deref());
        }
        if answer.rule.is_none() && answer.errors.is_empty() && self.policy.when_no_rule == WhenNoRule::Error
        {
            answer.errors.push(Diagnostic::error(codes::NO_RULE, "no provisioning rule matches"));
        }
        let given = answer.first(Field::Extension);
        let range = answer.rule.as_ref().and_then(|rule| rule.range);
        answer.extension = match range {
            Some(range) if given.is_none() || self.policy.number_precedence == NumberPrecedence::Rule => {
                let free = |number: &String| {
                    !taken.contains(number)
                        && !self.policy.reserved.contains(number)
                        && constraint::extension(number).is_ok()
                };
                range.numbers().find(free)
            }
            _ => given,
        };
        taken.extend(answer.extension.clone());
        answer
    }

    fn expect(
        &self,
        label: &str,
        key: &str,
        bytes: &Range<usize>,
        value: &Spanned<DeValue<'_>>,
        answer: &Answer,
    ) -> Option<Mistake> {
        let rule = answer.rule.as_ref();
        let (kind, template) = match rule.and_then(|rule| rule.extension.as_ref()) {
            Some(ExtensionKind::Template(name)) => (None, Some(name)),
            Some(ExtensionKind::Type(kind)) => (Some(kind), None),
            None => (None, None),
        };
        let found = match key {
            "rule" => rule.map(|rule| rule.name.to_string()),
            "extension" => answer.extension.clone(),
            "user_template" => rule.and_then(|rule| rule.user_template.as_deref()).map(Into::into),
            "extension_template" => template.map(ToString::to_string),
            "extension_type" => kind.map(ToString::to_string),
            "system" => rule
                .and_then(|rule| rule.system.as_deref().map(Into::into))
                .or_else(|| answer.first(Field::System)),
            _ if Field::by_key(key).is_some() => return self.expect_field(label, key, value, answer),
            _ => {
                let known = [
                    "about",
                    "user",
                    "rule",
                    "extension",
                    "error",
                    "fields",
                    "user_template",
                    "extension_template",
                    "extension_type",
                ];
                let near = nearest(key, known.into_iter().chain(Field::ALL.map(Field::key)));
                let near = near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
                return Some((
                    codes::JOB_UNKNOWN_KEY,
                    format!("{label} has no `{key}`{near}"),
                    bytes.clone(),
                ));
            }
        };
        compare(label, key, value, &found.into_iter().collect::<Vec<_>>())
    }

    fn expect_field(
        &self,
        label: &str,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        answer: &Answer,
    ) -> Option<Mistake> {
        let Some(field) = Field::by_key(key) else {
            return Some((
                codes::JOB_UNKNOWN_KEY,
                format!("{label}: there is no field `{key}`"),
                value.span(),
            ));
        };
        if !self.rules.mapped().contains(&field) {
            let message = format!("{label}: the job maps no `{key}`");
            return Some((codes::RULE_TEST_FAILED, message, value.span()));
        }
        let found = answer.all(field);
        if field.secret() {
            let good = compare(label, key, value, &found).is_none();
            let message = format!("{label}: `{key}` is not what is expected");
            return (!good).then(|| (codes::RULE_TEST_FAILED, message, value.span()));
        }
        compare(label, key, value, &found)
    }

    fn missed(&self) -> Vec<Diagnostic> {
        if self.report.cases == 0 {
            return Vec::new();
        }
        let mut missed = Vec::new();
        // A condition that holds for a user without attributes is a rule for everybody: nothing is left to test.
        let id = RecordId { directory: "test".into(), native: "nobody".into() };
        let nobody = User::new(&Record { id, columns: Vec::new().into(), cells: Box::default() });
        let everybody = |rule| self.rules.holds(rule, &|| &nobody).unwrap_or(false);
        for (index, rule) in self.rules.rules.iter().enumerate() {
            let warn = |message: String, position| {
                Diagnostic::warning(codes::RULE_UNTESTED, message).at(rule.unit.at(position))
            };
            if !self.seen.chosen.contains(&index) {
                missed.push(warn(format!("no test reaches rule `{}`", rule.name), rule.position));
            } else if rule.closure("when").is_some() && !self.seen.failed.contains(&index) && !everybody(rule)
            {
                let position = rule.position_of("when");
                missed.push(warn(
                    format!("in no test the condition of rule `{}` does not hold", rule.name),
                    position,
                ));
            }
        }
        missed.extend(self.coverage.map(Coverage::missed).unwrap_or_default());
        missed
    }
}

/// What the rules say of one user.
#[derive(Default)]
struct Answer {
    fields: Candidates,
    rule: Option<Rule>,
    extension: Option<String>,
    errors: Vec<Diagnostic>,
}

impl Answer {
    fn all(&self, field: Field) -> Vec<String> {
        let values = self.fields.get(&field).map(Vec::as_slice).unwrap_or_default();
        let text = |value: &Value| match value {
            Value::Text(text) => vec![text.to_string()],
            Value::List(list) => list.iter().map(ToString::to_string).collect(),
            Value::Secret(secret) | Value::Drawn(secret) => vec![secret.expose().to_owned()],
            Value::Random(_) => Vec::new(),
        };
        values.iter().flat_map(text).collect()
    }

    fn first(&self, field: Field) -> Option<String> {
        self.all(field).into_iter().next()
    }
}

fn place(file: &TestFile, bytes: Range<usize>) -> Place {
    Place::Span { file: file.name.clone(), source: file.source.clone(), bytes }
}
