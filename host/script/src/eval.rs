//! Asks compiled rules about one user.

use std::cell::OnceCell;
use std::sync::Arc;

use rhai::{AST, Dynamic, EvalAltResult, FnPtr, Position, Scope};
use rollcall_core::phone::PhoneUser;
use rollcall_core::script::{Candidates, Rule, Script};
use rollcall_core::{Diagnostic, Record, codes};

use crate::catalogue::nearest;
use crate::compile::{How, Mapped, Rules};
use crate::input::{Phone, User};
use crate::provisioning::{KEYS, Provisioning, assemble};
use crate::source::Unit;
use crate::{failure, twinning, values};

/// Is told which rules were asked and what they said; a run has nobody, the rule tests have a collector.
pub(crate) trait Asked {
    /// A rule's condition gave an answer.
    fn condition(&mut self, _rule: usize, _holds: bool) {}
    /// A rule was chosen.
    fn chosen(&mut self, _rule: usize) {}
}

/// Nobody listens.
impl Asked for () {}

impl Script for Rules {
    fn fields(&self, user: &Record) -> Result<Candidates, Vec<Diagnostic>> {
        let bound = OnceCell::new();
        let mut candidates = Candidates::new();
        let mut wrong = Vec::new();
        for mapped in &self.fields {
            match self.field(mapped, user, &bound) {
                Ok(values) => {
                    candidates.insert(mapped.field, values);
                }
                Err(found) => wrong.push(*found),
            }
        }
        if wrong.is_empty() { Ok(candidates) } else { Err(wrong) }
    }

    fn rule(&self, user: &Record, wanted: Option<&str>) -> Result<Option<Rule>, Vec<Diagnostic>> {
        self.rule_asked(user, wanted, &mut ())
    }

    fn disabled(&self, user: &Record) -> Result<bool, Vec<Diagnostic>> {
        let Some((script, unit)) = &self.disabled else { return Ok(false) };
        self.yes_or_no(script, unit, ("user", Dynamic::from(User::new(user))), "`disabled_when`")
    }

    fn protects(&self, phone: &PhoneUser) -> Result<bool, Vec<Diagnostic>> {
        let Some((script, unit)) = &self.protect else { return Ok(false) };
        let what = format!("`protect` for `{}`", phone.name());
        self.yes_or_no(script, unit, ("phone", Dynamic::from(Phone::new(phone))), &what)
    }

    fn twinning_refusal(&self, number: &str) -> Option<String> {
        twinning::refusal(number, &self.countries)
    }
}

impl Rules {
    /// Asks an expression that answers yes or no; `()` is no.
    fn yes_or_no(
        &self,
        script: &AST,
        unit: &Arc<Unit>,
        (name, value): (&str, Dynamic),
        what: &str,
    ) -> Result<bool, Vec<Diagnostic>> {
        let mut scope = Scope::new();
        scope.push_dynamic(name, value);
        let answer = self
            .engine
            .eval_ast_with_scope::<Dynamic>(&mut scope, script)
            .map_err(|error| vec![self.failed(&error, unit, what, false)])?;
        match answer.as_bool() {
            Ok(yes) => Ok(yes),
            Err(_) if answer.is_unit() => Ok(false),
            Err(_) => {
                let message = format!("{what}: gives {}, and yes or no is needed", failure::thing(&answer));
                Err(vec![Diagnostic::error(codes::USER_EXPRESSION, message).at(unit.whole())])
            }
        }
    }

    fn field(
        &self,
        mapped: &Mapped,
        record: &Record,
        bound: &OnceCell<User>,
    ) -> Result<Vec<rollcall_core::Value>, Box<Diagnostic>> {
        let what = format!("`{}`", mapped.field.key());
        let values = match &mapped.how {
            How::Attribute(name) => values::of_cell(mapped.field, record.get(name)),
            How::Script(script) => {
                let user = bound.get_or_init(|| User::new(record));
                let result = self.with_user(script, user).map_err(|error| {
                    Box::new(self.failed(&error, &mapped.unit, &what, mapped.field.secret()))
                })?;
                values::of_result(mapped.field, &result)
            }
        };
        values.map_err(|(message, hint)| {
            let mut found = Diagnostic::error(codes::USER_EXPRESSION, format!("{what} {message}"));
            found.hint = hint.map(Into::into);
            Box::new(found.at(mapped.unit.whole()))
        })
    }

    /// Evaluates an expression that sees a user.
    pub(crate) fn with_user(&self, script: &AST, user: &User) -> Result<Dynamic, Box<EvalAltResult>> {
        let mut scope = Scope::new();
        scope.push("user", user.clone());
        self.engine.eval_ast_with_scope::<Dynamic>(&mut scope, script)
    }

    /// As [`Script::rule`], and tells `asked` about it.
    pub(crate) fn rule_asked(
        &self,
        record: &Record,
        wanted: Option<&str>,
        asked: &mut dyn Asked,
    ) -> Result<Option<Rule>, Vec<Diagnostic>> {
        let user = OnceCell::new();
        let user = || user.get_or_init(|| User::new(record));
        let chosen = match wanted {
            Some(name) => Some(self.named(name).map_err(|found| vec![found])?),
            None => {
                let mut chosen = None;
                for (index, rule) in self.rules.iter().enumerate() {
                    let holds = self.holds(rule, &user).map_err(|found| vec![found])?;
                    asked.condition(index, holds);
                    if holds {
                        chosen = Some(index);
                        break;
                    }
                }
                chosen
            }
        };
        let Some((index, rule)) = chosen.and_then(|index| Some((index, self.rules.get(index)?))) else {
            return Ok(None);
        };
        asked.chosen(index);
        let mut answer = match &rule.fixed {
            Some(fixed) => fixed.clone(),
            None => self.resolve(rule, user())?,
        };
        answer.name = rule.name.clone();
        Ok(Some(answer))
    }

    fn named(&self, wanted: &str) -> Result<usize, Diagnostic> {
        let wanted = wanted.trim();
        if let Some(index) = self.rules.iter().position(|rule| &*rule.name == wanted) {
            return Ok(index);
        }
        let message = format!("there is no provisioning rule `{}`", wanted.escape_debug());
        let found = Diagnostic::error(codes::USER_EXPRESSION, message);
        Err(match nearest(wanted, self.rules.iter().map(|rule| &*rule.name)) {
            Some(near) => found.hint(format!("did you mean `{near}`?")),
            None => found,
        })
    }

    pub(crate) fn holds<'a>(
        &self,
        rule: &Provisioning,
        user: &impl Fn() -> &'a User,
    ) -> Result<bool, Diagnostic> {
        let Some(given) = rule.values.get("when") else { return Ok(true) };
        let Some(closure) = rule.closure("when") else { return Ok(given.value.as_bool().unwrap_or(false)) };
        let what = format!("rule `{}`, `when`", rule.name);
        let answer = self.call(&closure, user()).map_err(|error| {
            let mut failed = self.failed(&error, &rule.unit, &what, false);
            if error.position().is_none() {
                failed.place = rule.unit.at(given.position);
            }
            failed
        })?;
        match answer.as_bool() {
            Ok(yes) => Ok(yes),
            Err(_) if answer.is_unit() => Ok(false),
            Err(_) => {
                let message = format!("{what}: gives {}, and yes or no is needed", failure::thing(&answer));
                Err(Diagnostic::error(codes::USER_EXPRESSION, message).at(rule.unit.at(given.position)))
            }
        }
    }

    fn resolve(&self, rule: &Provisioning, user: &User) -> Result<Rule, Vec<Diagnostic>> {
        let mut values: Vec<(&str, Dynamic)> = Vec::with_capacity(rule.values.len());
        let mut wrong = Vec::new();
        for key in KEYS.into_iter().filter(|key| *key != "when") {
            let Some(given) = rule.values.get(key) else { continue };
            match rule.closure(key) {
                None => values.push((key, given.value.clone())),
                Some(closure) => match self.call(&closure, user) {
                    Ok(value) => values.push((key, value)),
                    Err(error) => {
                        let what = format!("rule `{}`, `{key}`", rule.name);
                        wrong.push(self.failed(&error, &rule.unit, &what, false));
                    }
                },
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        assemble(|key| values.iter().find(|(known, _)| *known == key).map(|(_, value)| value)).map_err(
            |wrong| {
                let diagnostic = |(key, message, hint): (&'static str, String, Option<String>)| {
                    let message = format!("rule `{}`: {message}", rule.name);
                    let mut found = Diagnostic::error(codes::USER_EXPRESSION, message);
                    found.hint = hint;
                    found.at(rule.unit.at(rule.position_of(key)))
                };
                wrong.into_iter().map(diagnostic).collect()
            },
        )
    }

    fn call(&self, closure: &FnPtr, user: &User) -> Result<Dynamic, Box<EvalAltResult>> {
        closure.call::<Dynamic>(&self.engine, &self.library, (user.clone(),))
    }

    /// Makes a diagnostic of a script's failure; `what` says which expression it was.
    fn failed(&self, error: &EvalAltResult, unit: &Arc<Unit>, what: &str, secret: bool) -> Diagnostic {
        let failure = failure::describe(error, secret);
        let unit = failure.calls.iter().rev().find_map(|name| self.units.get(name)).unwrap_or(unit);
        let mut found = Diagnostic::error(codes::USER_EXPRESSION, format!("{what}: {}", failure.message));
        found.hint = failure.hint;
        found.at(if failure.position == Position::NONE { unit.whole() } else { unit.at(failure.position) })
    }
}
