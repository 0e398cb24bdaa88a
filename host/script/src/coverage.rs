//! Which branches of the operator's scripts a test reached.
//!
//! Rhai's debugger would slow every run down. Instead the tests compile the scripts a second time, with a call put in
//! where each branch begins; what that copy answers is thrown away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use rhai::{AST, ASTNode, Engine, Position, Stmt};
use rollcall_core::{Diagnostic, Text, codes};

use crate::compile::{Expression, RuleFile, Rules, Source};
use crate::sandbox;
use crate::source::{Unit, offset};

/// The function that marks a branch.
const MARK: &str = "rollcall_reached";

/// A marked copy of the scripts.
pub(crate) struct Coverage {
    pub(crate) rules: Rules,
    reached: Arc<Mutex<BTreeSet<i64>>>,
    marks: Vec<(Arc<Unit>, Position, &'static str)>,
}

impl Coverage {
    /// Marks the branches of scripts that are known to compile. `None` where a marked copy does not compile: then
    /// nothing is said about branches.
    pub(crate) fn of(source: &Source) -> Option<Self> {
        let engine = sandbox::engine();
        let mut marks = Vec::new();
        let mut copy = source.clone();
        for file in &mut copy.rule_files {
            let unit = Arc::new(Unit::file(&file.name, &file.source));
            let marked = mark(&engine, &unit, &mut marks)?;
            *file = RuleFile { name: file.name.clone(), source: marked };
        }
        for field in &mut copy.fields {
            let unit = Unit::expression(&["fields", field.field.key()], &field.text, field.origin.as_ref());
            let text = mark(&engine, &Arc::new(unit), &mut marks)?;
            *field = Expression { field: field.field, text, origin: None };
        }
        let reached: Arc<Mutex<BTreeSet<i64>>> = Arc::default();
        let kept = reached.clone();
        let register = move |engine: &mut Engine| {
            let kept = kept.clone();
            engine.register_fn(MARK, move |mark: i64| {
                kept.lock().unwrap_or_else(PoisonError::into_inner).insert(mark);
            });
        };
        let (rules, _) = Rules::compile_with(&copy, &register).ok()?;
        Some(Self { rules, reached, marks })
    }

    /// Counts the branches and functions.
    pub(crate) fn branches(&self) -> usize {
        self.marks.len()
    }

    /// Tells which branches nothing reached.
    pub(crate) fn missed(&self) -> Vec<Diagnostic> {
        let reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = self.marks.iter().zip(0i64..).filter(|(_, index)| !reached.contains(index));
        missed
            .map(|((unit, position, what), _)| {
                Diagnostic::warning(codes::RULE_UNTESTED, format!("no test reaches this {what}"))
                    .at(unit.at(*position))
            })
            .collect()
    }
}

/// Puts marks into a text, and says in `marks` where.
fn mark(
    engine: &Engine,
    unit: &Arc<Unit>,
    marks: &mut Vec<(Arc<Unit>, Position, &'static str)>,
) -> Option<Text> {
    let script = engine.compile(&*unit.text).ok()?;
    let mut text = unit.text.to_string();
    for (at, (position, what, before)) in branches(&script, &unit.text).into_iter().rev() {
        let index = marks.len();
        marks.push((unit.clone(), position, what));
        if before {
            text.insert_str(at, &format!("{MARK}({index}) ?? "));
        } else {
            text.insert_str(at + 1, &format!(" {MARK}({index}); "));
        }
    }
    Some(text.into())
}

type Branches = BTreeMap<usize, (Position, &'static str, bool)>;

/// The branches by the byte where they begin; the last part says whether the mark stands before an expression.
fn branches(script: &AST, text: &str) -> Branches {
    let mut found = Branches::new();
    let mut add = |position: Position, what: &'static str, expression: bool| {
        let Some(line) = position.line() else { return };
        let at = offset(text, line, position.position());
        let rest = text.get(at..).unwrap_or_default();
        if rest.starts_with('{') {
            found.insert(at, (position, what, false));
        } else if expression && begins_value(rest) {
            found.insert(at, (position, what, true));
        }
    };
    script.walk(&mut |path: &[ASTNode<'_>]| {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::If(flow, _))) => {
                add(flow.body.position(), "branch", false);
                add(flow.branch.position(), "branch", false);
            }
            Some(ASTNode::Stmt(Stmt::Switch(parts, _))) => {
                for case in &parts.1.expressions {
                    add(case.rhs.start_position(), "branch", true);
                }
            }
            _ => {}
        }
        true
    });
    for function in script.iter_fn_def().filter(|function| !function.name.contains('$')) {
        add(function.body.start_position(), "function", false);
    }
    found
}

/// Tells whether a text begins with a plain value, before which a mark can stand.
fn begins_value(text: &str) -> bool {
    let word: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let value = text.starts_with(['"', '`', '[', '(', '#']);
    let keyword =
        ["throw", "return", "let", "const", "if", "switch", "for", "while", "loop", "do", "break", "try"];
    value || (!word.is_empty() && !keyword.contains(&word.as_str()))
}
