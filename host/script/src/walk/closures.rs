//! How the walk enters functions: by a call, by a closure, and by the values of a rule, whose closures see the user.

use std::collections::BTreeMap;

use rhai::{Expr, FnCallExpr, FnPtr, Position, Stmt};
use rollcall_core::{Diagnostic, codes};

use super::{Kind, Walk};

impl Walk<'_> {
    /// A call of `rule`: the closures in its map see the user.
    pub(super) fn rule(&mut self, call: &FnCallExpr, position: Position) -> Kind {
        self.known("", "rule", call.args.len(), position);
        if self.inside > 0 {
            let found = Diagnostic::error(
                codes::RULE_BAD_VALUE,
                "`rule` stands at the top of a rule file, not in a function",
            );
            self.mistake(found, position);
        }
        let mut keys = BTreeMap::new();
        for argument in &call.args {
            match argument {
                Expr::Map(map, _) => {
                    for (key, value) in &map.0 {
                        keys.insert(key.name.to_string(), (key.pos, value.start_position()));
                        self.rule_value(value);
                    }
                }
                other => {
                    self.expression(other);
                }
            }
        }
        let at = (position.line().unwrap_or(0), position.position().unwrap_or(0));
        self.calls.insert(at, keys);
        Kind::Other
    }

    fn rule_value(&mut self, value: &Expr) {
        match value {
            Expr::DynamicConstant(inner, _) => {
                if let Some(closure) = inner.read_lock::<FnPtr>() {
                    self.closure(&closure, &[], Kind::User);
                }
            }
            Expr::Stmt(block) => {
                for statement in block.statements() {
                    match statement {
                        Stmt::Expr(inner) => self.rule_value(inner),
                        Stmt::FnCall(call, _) if call.name == "curry" => {
                            self.captured(call, Kind::User);
                        }
                        other => {
                            self.statement(other);
                        }
                    }
                }
            }
            Expr::FnCall(call, _) if call.name == "curry" => {
                self.captured(call, Kind::User);
            }
            // `when: sells`, a function by its name.
            Expr::Variable(name, _, _) if self.functions.contains_key(&(name.1.to_string(), 1)) => {
                self.enter(&name.1, &[Kind::User]);
            }
            other => {
                self.expression(other);
            }
        }
    }

    /// A closure with the names that it captures: Rhai hands those over as its first arguments.
    pub(super) fn captured(&mut self, call: &FnCallExpr, rest: Kind) -> Kind {
        let kinds: Vec<Kind> = call.args.iter().skip(1).map(|argument| self.expression(argument)).collect();
        match call.args.first() {
            Some(Expr::DynamicConstant(value, _)) => {
                if let Some(closure) = value.read_lock::<FnPtr>() {
                    self.closure(&closure, &kinds, rest);
                }
            }
            Some(other) => {
                self.expression(other);
            }
            None => {}
        }
        Kind::Other
    }

    pub(super) fn closure(&mut self, closure: &FnPtr, captured: &[Kind], rest: Kind) {
        let name = closure.fn_name();
        let counts: Vec<usize> =
            self.functions.keys().filter(|(known, _)| known == name).map(|(_, n)| *n).collect();
        for count in counts {
            let mut kinds = captured.to_vec();
            kinds.resize(count.max(captured.len()), Kind::Other);
            // A rule's closure has one parameter of its own, the last: the user.
            if rest != Kind::Other && count > captured.len() {
                kinds[count - 1] = rest;
            }
            self.enter(name, &kinds);
        }
    }

    pub(super) fn enter(&mut self, name: &str, kinds: &[Kind]) {
        if !self.visited.insert((name.to_owned(), kinds.to_vec())) {
            return;
        }
        let Some(defined) = self.functions.get(&(name.to_owned(), kinds.len())) else { return };
        let outer_unit = std::mem::replace(&mut self.unit, defined.unit.clone());
        // A closure that reaches `rule` by a detour is known by the name of its parameter.
        let kind = |(name, kind): (&String, &Kind)| match kind {
            Kind::Other if name == "user" => (name.clone(), Kind::CalledUser),
            kind => (name.clone(), *kind),
        };
        let parameters = defined.parameters.iter().zip(kinds).map(kind);
        let outer_names = std::mem::replace(&mut self.names, parameters.collect());
        self.inside += 1;
        self.block(&defined.body);
        self.inside -= 1;
        self.names = outer_names;
        self.unit = outer_unit;
    }
}
