//! From the job's expressions and rule files to [`Rules`], or to every mistake in them at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{AST, Dynamic, Engine, Expr, NativeCallContext, OptimizationLevel, Position, Scope, Stmt};
use rlibphonenumber::Region;
use rollcall_core::weak::same_for_all;
use rollcall_core::{Diagnostic, Field, Place, Severity, Text, codes};

use crate::catalogue::Catalogue;
use crate::library::numbers::region_by_code;
use crate::limits::{SOURCE_BYTES_MAX, SOURCE_LINES_MAX};
use crate::provisioning::{self, Call, Provisioning, unshared};
use crate::source::{Origin, Unit};
use crate::walk::{Findings, Functions, Kind, RuleCalls, Walk, defined};
use crate::{failure, sandbox, values};

/// One field's expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The field that it gives.
    pub field: Field,
    /// The Rhai text.
    pub text: Text,
    /// Where it stands; without it mistakes name the key only.
    pub origin: Option<Origin>,
}

/// One rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// The file as the user named it.
    pub name: Text,
    /// Its text.
    pub source: Text,
}

/// Everything that a job says in Rhai.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// `[fields]`.
    pub fields: Vec<Expression>,
    /// `[rules] files`, in order.
    pub rule_files: Vec<RuleFile>,
    /// `[leavers] protect`.
    pub protect: Option<(Text, Option<Origin>)>,
    /// `[leavers] disabled_when`, or the connector's word for it, where the job keeps disabled accounts.
    pub disabled: Option<(Text, Option<Origin>)>,
    /// `[numbers] twinning_countries`: ISO 3166 codes.
    pub twinning_countries: Vec<Text>,
}

/// How a field gets its value.
pub(crate) enum How {
    /// An attribute as it stands, without the interpreter.
    Attribute(Text),
    /// An expression.
    Script(Box<AST>),
}

/// An expression that answers yes or no, where the job has one.
type Question = Option<(AST, Arc<Unit>)>;

/// A field that is ready to be asked.
pub(crate) struct Mapped {
    pub(crate) field: Field,
    pub(crate) how: How,
    pub(crate) unit: Arc<Unit>,
}

/// The compiled expressions and rules of one job. Shared by threads.
pub struct Rules {
    pub(crate) engine: Engine,
    /// The functions of all rule files.
    pub(crate) library: AST,
    pub(crate) units: BTreeMap<String, Arc<Unit>>,
    pub(crate) fields: Vec<Mapped>,
    pub(crate) rules: Vec<Provisioning>,
    pub(crate) protect: Question,
    pub(crate) disabled: Question,
    pub(crate) countries: Vec<(Text, Region)>,
    attributes: BTreeMap<Text, Vec<Place>>,
    soft: Vec<Text>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<&str> = self.fields.iter().map(|mapped| mapped.field.key()).collect();
        out.debug_struct("Rules")
            .field("fields", &fields)
            .field("rules", &self.rule_names())
            .finish_non_exhaustive()
    }
}

impl Rules {
    /// Compiles everything and gives what is worth a warning or note with it.
    ///
    /// # Errors
    ///
    /// Every mistake in every expression and file, in the order of the files.
    pub fn compile(source: &Source) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        Self::compile_with(source, &|_| {})
    }

    /// As [`Rules::compile`], with more functions.
    pub(crate) fn compile_with(
        source: &Source,
        more: &dyn Fn(&mut Engine),
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut compiler = Compiler::new(more);
        compiler.read_files(&source.rule_files);
        let mapped = source.fields.iter().any(|expression| expression.field == Field::Extension);
        let rules = compiler.rules(mapped);
        let fields = source.fields.iter().filter_map(|expression| compiler.field(expression)).collect();
        let protect =
            source.protect.as_ref().and_then(|(text, origin)| compiler.protect(text, origin.as_ref()));
        let disabled =
            source.disabled.as_ref().and_then(|(text, origin)| compiler.disabled(text, origin.as_ref()));
        let countries = compiler.countries(&source.twinning_countries);
        compiler.finish(fields, rules, (protect, disabled), countries)
    }

    /// The attributes that fields and rules name, with the places where they do.
    pub fn attributes(&self) -> &BTreeMap<Text, Vec<Place>> {
        &self.attributes
    }

    /// Attributes that are of use where the directory has them; it is no mistake where it has not.
    pub fn soft_attributes(&self) -> &[Text] {
        &self.soft
    }

    /// The rules' names, in order.
    pub fn rule_names(&self) -> Vec<Text> {
        self.rules.iter().map(|rule| rule.name.clone()).collect()
    }

    /// The fields that are mapped, in the order of the source.
    pub fn mapped(&self) -> Vec<Field> {
        self.fields.iter().map(|mapped| mapped.field).collect()
    }
}

/// A file that could be read.
struct Parsed {
    unit: Arc<Unit>,
    script: AST,
}

struct Compiler {
    engine: Engine,
    /// The engine that runs the rule files, and knows `rule`.
    collector: Engine,
    calls: Arc<Mutex<Vec<Call>>>,
    catalogue: Catalogue,
    files: Vec<Parsed>,
    library: AST,
    functions: Functions,
    findings: Findings,
    unreadable: bool,
}

impl Compiler {
    fn new(more: &dyn Fn(&mut Engine)) -> Self {
        let mut engine = sandbox::engine();
        more(&mut engine);
        let mut collector = sandbox::engine();
        more(&mut collector);
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let kept = calls.clone();
        collector.register_fn("rule", move |context: NativeCallContext<'_>, name: Dynamic, map: Dynamic| {
            let position = context.call_position();
            // Frozen now: the variables that closures capture go on changing, a loop's at every turn.
            let map = unshared(&map);
            kept.lock().unwrap_or_else(PoisonError::into_inner).push(Call { position, name, map });
        });
        Self {
            catalogue: Catalogue::of(&engine),
            engine,
            collector,
            calls,
            files: Vec::new(),
            library: AST::empty(),
            functions: Functions::new(),
            findings: Findings::default(),
            unreadable: false,
        }
    }

    fn read_files(&mut self, files: &[RuleFile]) {
        for file in files {
            let unit = Arc::new(Unit::file(&file.name, &file.source));
            if let Some(script) = self.parse(&unit) {
                self.define(&script, &unit);
                self.library = self.library.merge(&script.clone_functions_only());
                self.files.push(Parsed { unit, script });
            } else {
                self.unreadable = true;
            }
        }
    }

    fn parse(&mut self, unit: &Arc<Unit>) -> Option<AST> {
        if unit.text.len() > SOURCE_BYTES_MAX || unit.text.lines().count() > SOURCE_LINES_MAX {
            let message = format!("it is longer than {SOURCE_BYTES_MAX} bytes or {SOURCE_LINES_MAX} lines");
            self.findings.mistakes.push(Diagnostic::error(codes::RULE_SYNTAX, message).at(unit.whole()));
            return None;
        }
        match self.engine.compile(&*unit.text) {
            Ok(script) => Some(script),
            Err(error) => {
                let (message, hint) = failure::syntax(&error);
                let mut found = Diagnostic::error(codes::RULE_SYNTAX, message).at(unit.at(error.position()));
                found.hint = hint.map(Into::into);
                self.findings.mistakes.push(found);
                None
            }
        }
    }

    fn define(&mut self, script: &AST, unit: &Arc<Unit>) {
        for (key, function) in defined(script, unit) {
            if let Some(first) = self.functions.get(&key).filter(|_| !key.0.contains('$')) {
                let place = unit.at(function.position);
                let found =
                    Diagnostic::error(codes::RULE_TWICE, format!("there are two functions `{}`", key.0));
                let Place::Span { file, .. } = first.unit.whole() else { continue };
                self.findings
                    .mistakes
                    .push(found.at(place).hint(format!("the first one stands in `{file}`")));
            }
            self.functions.insert(key, function);
        }
    }

    /// Walks and runs the rule files.
    fn rules(&mut self, extension_mapped: bool) -> Vec<Provisioning> {
        let catalogue = Catalogue::of(&self.collector);
        let mut rules = Vec::new();
        for file in &self.files {
            let before = self.findings.mistakes.len();
            let mut places = RuleCalls::new();
            let known = (&catalogue, &self.functions);
            let mut walk = Walk::new(&file.unit, &[], known, &mut self.findings, &mut places);
            walk.lenient = self.unreadable;
            walk.block(file.script.statements());
            for (name, parameters) in self.functions.keys().filter(|(name, _)| !name.contains('$')) {
                walk.named(name, *parameters);
            }
            let outcome = self.collector.run_ast(&self.library.merge(&file.script));
            if let Err(error) = outcome
                && self.findings.mistakes.len() == before
            {
                let failure = failure::describe(&error, false);
                let mut found = Diagnostic::error(codes::RULE_BAD_VALUE, failure.message);
                found.hint = failure.hint;
                let unit = failure.calls.iter().rev().find_map(|name| unit_of(&self.functions, name));
                self.findings.mistakes.push(found.at(unit.unwrap_or(&file.unit).at(failure.position)));
            }
            let made = std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner));
            let found = &mut self.findings.mistakes;
            provisioning::read(&file.unit, made, &places, extension_mapped, &mut rules, found);
        }
        rules
    }

    fn field(&mut self, expression: &Expression) -> Option<Mapped> {
        let key = expression.field.key();
        let unit = Arc::new(Unit::expression(&["fields", key], &expression.text, expression.origin.as_ref()));
        let script = self.expression(&unit, key, &[("user", Kind::User)], true)?;
        if expression.field.digits()
            && let Some(position) = bare_number(script.statements())
        {
            let (message, hint) = values::number_misfit();
            let mut found = Diagnostic::error(codes::RULE_BAD_VALUE, format!("`{key}` {message}"));
            found.hint = hint.map(Into::into);
            self.findings.mistakes.push(found.at(unit.at(position)));
        }
        if let (true, Some(code)) = (expression.field.secret(), constant(script.statements())) {
            self.findings.mistakes.push(same_for_all(expression.field, code));
        }
        let how = match script.statements() {
            [Stmt::Expr(only)] => match &**only {
                Expr::Variable(name, ..) if name.1 != "user" && name.2.is_empty() => {
                    How::Attribute(name.1.as_str().into())
                }
                _ => How::Script(Box::new(self.ready(script))),
            },
            _ => How::Script(Box::new(self.ready(script))),
        };
        Some(Mapped { field: expression.field, how, unit })
    }

    fn protect(&mut self, text: &Text, origin: Option<&Origin>) -> Question {
        let unit = Arc::new(Unit::expression(&["leavers", "protect"], text, origin));
        let script = self.expression(&unit, "protect", &[("phone", Kind::Phone)], false)?;
        Some((self.ready(script), unit))
    }

    fn disabled(&mut self, text: &Text, origin: Option<&Origin>) -> Question {
        let unit = Arc::new(Unit::expression(&["leavers", "disabled_when"], text, origin));
        let script = self.expression(&unit, "disabled_when", &[("user", Kind::User)], true)?;
        Some((self.ready(script), unit))
    }

    /// Parses and walks an expression.
    fn expression(
        &mut self,
        unit: &Arc<Unit>,
        key: &str,
        names: &[(&str, Kind)],
        attributes: bool,
    ) -> Option<AST> {
        let script = self.parse(unit)?;
        if script.statements().is_empty() {
            let found = Diagnostic::error(codes::RULE_SYNTAX, format!("`{key}` has no expression"));
            self.findings.mistakes.push(found.at(unit.whole()).hint("leave the key out if nothing is meant"));
            return None;
        }
        let mut added = Vec::new();
        for (key, function) in defined(&script, unit) {
            if !self.functions.contains_key(&key) {
                self.functions.insert(key.clone(), function);
                added.push(key);
            }
        }
        let mut calls = RuleCalls::new();
        let mut walk =
            Walk::new(unit, names, (&self.catalogue, &self.functions), &mut self.findings, &mut calls);
        walk.lenient = self.unreadable;
        walk.bare_attributes = attributes;
        walk.block(script.statements());
        for key in added {
            self.functions.remove(&key);
        }
        Some(script)
    }

    /// Joins an expression with the rule files' functions and folds what is constant.
    fn ready(&self, script: AST) -> AST {
        let joined = self.library.merge(&script);
        self.engine.optimize_ast(&Scope::new(), joined, OptimizationLevel::Simple)
    }

    fn countries(&mut self, codes_of: &[Text]) -> Vec<(Text, Region)> {
        let mut countries = Vec::new();
        for code in codes_of {
            match region_by_code(code) {
                Some(region) => countries.push((code.clone(), region)),
                None => self.findings.mistakes.push(
                    Diagnostic::error(
                        codes::JOB_BAD_VALUE,
                        format!("`{}` is no country", code.escape_debug()),
                    )
                    .path(&["numbers", "twinning_countries"])
                    .hint("two letters of ISO 3166: `GB`, `US`"),
                ),
            }
        }
        countries
    }

    fn finish(
        mut self,
        fields: Vec<Mapped>,
        rules: Vec<Provisioning>,
        (protect, disabled): (Question, Question),
        countries: Vec<(Text, Region)>,
    ) -> Result<(Rules, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut found = std::mem::take(&mut self.findings.mistakes);
        found.sort_by(|a, b| by_place(&a.place).cmp(&by_place(&b.place)));
        found.dedup();
        if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            return Err(found);
        }
        let library = self.engine.optimize_ast(&Scope::new(), self.library, OptimizationLevel::Simple);
        let units =
            self.functions.iter().map(|((name, _), defined)| (name.clone(), defined.unit.clone())).collect();
        let soft =
            self.findings.soft.iter().filter(|name| !self.findings.attributes.contains_key(*name)).cloned();
        let soft = soft.collect();
        let attributes = self.findings.attributes;
        let engine = self.engine;
        let rules =
            Rules { engine, library, units, fields, rules, protect, disabled, countries, attributes, soft };
        Ok((rules, found))
    }
}

fn unit_of<'a>(functions: &'a Functions, name: &str) -> Option<&'a Arc<Unit>> {
    functions.iter().find(|((known, _), _)| known == name).map(|(_, defined)| &defined.unit)
}

fn by_place(place: &Place) -> (&str, usize) {
    match place {
        Place::Span { file, bytes, .. } => (file, bytes.start),
        Place::Path(_) | Place::Nowhere => ("", 0),
    }
}

/// Gives the text that an expression always gives.
fn constant(statements: &[Stmt]) -> Option<&str> {
    match statements {
        [Stmt::Expr(only)] => match &**only {
            Expr::StringConstant(text, _) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// Finds a number that stands where text is needed: alone, or in a list.
fn bare_number(statements: &[Stmt]) -> Option<Position> {
    let [Stmt::Expr(only)] = statements else { return None };
    fn number(expression: &Expr) -> Option<Position> {
        match expression {
            Expr::IntegerConstant(_, position) | Expr::FloatConstant(_, position) => Some(*position),
            Expr::Array(parts, _) => parts.iter().find_map(number),
            _ => None,
        }
    }
    number(only)
}
