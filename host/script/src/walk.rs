//! Goes through a parsed script before it ever runs: which attributes it names, and which names do not exist.
//!
//! Rhai checks neither functions nor, inside closures, variables before they are reached, and stops at the first
//! mistake. This walk follows `user` through variables, captured names and calls of the operator's own functions, so
//! that `fn site(u) { u.officeLocation }` asks the directory for `officeLocation`.

mod closures;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rhai::{AST, ASTFlags, ASTNode, BinaryExpr, Expr, FnCallExpr, FnPtr, Position, Stmt};
use rollcall_core::{Diagnostic, Place, Text, codes};

use crate::catalogue::{Catalogue, Unknown, nearest};
use crate::input::PHONE_PROPERTIES;
use crate::library;
use crate::source::Unit;

/// What a name stands for, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    User,
    /// It is called `user`, and probably is one.
    CalledUser,
    Phone,
    Other,
}

impl Kind {
    fn is_user(self) -> bool {
        matches!(self, Self::User | Self::CalledUser)
    }
}

/// A function of a script, and the text that it stands in.
pub(crate) struct Defined {
    parameters: Vec<String>,
    body: Vec<Stmt>,
    pub(crate) position: Position,
    pub(crate) unit: Arc<Unit>,
}

/// Lists the functions that a script defines, closures too, by name and number of parameters.
pub(crate) fn defined(script: &AST, unit: &Arc<Unit>) -> Functions {
    let mut functions = Functions::new();
    for function in script.iter_fn_def() {
        let (name, count) = (function.name.to_string(), function.params.len());
        // Rhai shows the body of a function only while it walks one script: so each gets a script of its own.
        let wanted = name.clone();
        let mut alone = script.clone_functions_only();
        alone.retain_functions(|_, _, name, params| name == wanted && params == count);
        let mut body = Vec::new();
        alone.walk(&mut |path: &[ASTNode<'_>]| {
            if let [ASTNode::Stmt(statement)] = path {
                body.push((*statement).clone());
            }
            true
        });
        let parameters = function.params.iter().map(ToString::to_string).collect();
        let position = function.body.start_position();
        functions.insert((name, count), Defined { parameters, body, position, unit: unit.clone() });
    }
    functions
}

/// The functions of all scripts by name and number of parameters; closures too.
pub(crate) type Functions = BTreeMap<(String, usize), Defined>;

/// Where the parts of a call of `rule` stand, by line and column of the call.
pub(crate) type RuleCalls = BTreeMap<(usize, usize), BTreeMap<String, (Position, Position)>>;

/// What a walk found.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) mistakes: Vec<Diagnostic>,
    pub(crate) attributes: BTreeMap<Text, Vec<Place>>,
    pub(crate) soft: BTreeSet<Text>,
}

/// What the walk needs to know.
pub(crate) struct Walk<'a> {
    pub(crate) catalogue: &'a Catalogue,
    pub(crate) functions: &'a Functions,
    /// Whether a bare name that is bound to nothing is an attribute of the user.
    pub(crate) bare_attributes: bool,
    /// Whether functions that are not known may stand in a file that could not be read.
    pub(crate) lenient: bool,
    pub(crate) findings: &'a mut Findings,
    pub(crate) calls: &'a mut RuleCalls,
    unit: Arc<Unit>,
    names: Vec<(String, Kind)>,
    modules: BTreeMap<String, String>,
    inside: usize,
    visited: BTreeSet<(String, Vec<Kind>)>,
}

impl<'a> Walk<'a> {
    /// Prepares a walk through `unit`, where `names` are bound.
    pub(crate) fn new(
        unit: &Arc<Unit>,
        names: &[(&str, Kind)],
        (catalogue, functions): (&'a Catalogue, &'a Functions),
        findings: &'a mut Findings,
        calls: &'a mut RuleCalls,
    ) -> Self {
        Self {
            catalogue,
            functions,
            bare_attributes: false,
            lenient: false,
            findings,
            calls,
            unit: unit.clone(),
            names: names.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            modules: BTreeMap::new(),
            inside: 0,
            visited: BTreeSet::new(),
        }
    }

    /// Walks a function whose parameters are anything.
    pub(crate) fn named(&mut self, name: &str, parameters: usize) {
        self.enter(name, &vec![Kind::Other; parameters]);
    }

    /// Walks statements in order; what they bind ends with them.
    pub(crate) fn block(&mut self, statements: &[Stmt]) -> Kind {
        let bound = self.names.len();
        let mut last = Kind::Other;
        for statement in statements {
            last = self.statement(statement);
        }
        self.names.truncate(bound);
        last
    }

    fn statement(&mut self, statement: &Stmt) -> Kind {
        match statement {
            Stmt::Expr(expression) => return self.expression(expression),
            Stmt::FnCall(call, position) => return self.call(call, *position, None),
            Stmt::Block(block) => return self.block(block.statements()),
            Stmt::Var(variable, ..) => {
                let kind = self.expression(&variable.1);
                self.names.push((variable.0.name.to_string(), kind));
            }
            Stmt::If(flow, _) => {
                self.expression(&flow.expr);
                let kind = self.block(flow.body.statements());
                if self.block(flow.branch.statements()) == kind {
                    return kind;
                }
            }
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => {
                self.expression(&flow.expr);
                self.block(flow.body.statements());
            }
            Stmt::For(parts, _) => {
                let (variable, counter, flow) = &**parts;
                self.expression(&flow.expr);
                let bound = self.names.len();
                self.names.push((variable.name.to_string(), Kind::Other));
                self.names.extend(counter.iter().map(|counter| (counter.name.to_string(), Kind::Other)));
                self.block(flow.body.statements());
                self.names.truncate(bound);
            }
            Stmt::Switch(parts, _) => {
                self.expression(&parts.0);
                for case in &parts.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::Assignment(parts) => {
                let compares = !parts.0.is_op_assignment();
                self.never_written(&parts.1.lhs, compares);
                self.expression(&parts.1.lhs);
                let kind = self.expression(&parts.1.rhs);
                if let Expr::Variable(name, ..) = &parts.1.lhs
                    && let Some(bound) = self.names.iter_mut().rev().find(|(bound, _)| *bound == *name.1)
                {
                    bound.1 = kind;
                }
            }
            Stmt::TryCatch(flow, _) => {
                self.block(flow.body.statements());
                let bound = self.names.len();
                if let Expr::Variable(name, ..) = &flow.expr {
                    self.names.push((name.1.to_string(), Kind::Other));
                }
                self.block(flow.branch.statements());
                self.names.truncate(bound);
            }
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            Stmt::Import(parts, position) => self.import(&parts.0, &parts.1.name, *position),
            _ => {}
        }
        Kind::Other
    }

    /// Refuses `user.department = "Sales"`, which would fail for everybody. `compares`: it is probably meant as a question.
    fn never_written(&mut self, target: &Expr, compares: bool) {
        let (Expr::Dot(pair, ..) | Expr::Index(pair, ..)) = target else { return };
        let Expr::Variable(name, ..) = &pair.lhs else { return };
        if matches!(self.bound(&name.1), Some(Kind::User | Kind::Phone)) {
            let message = format!("`{}` is given another value, and nothing changes a user here", name.1);
            let hint = "a copy that may be changed is a map: `#{ n: user.n }`";
            let hint = if compares { format!("`==` compares; {hint}") } else { hint.to_owned() };
            let found = Diagnostic::error(codes::RULE_SYNTAX, message).hint(hint);
            self.mistake(found, target.start_position());
        }
    }

    fn import(&mut self, path: &Expr, alias: &str, position: Position) {
        match path {
            Expr::StringConstant(name, at) if !self.catalogue.module(name) || name.is_empty() => {
                let found =
                    Diagnostic::error(codes::RULE_UNKNOWN_FUNCTION, format!("there is no module `{name}`"));
                self.mistake(
                    found.hint(
                        "the library has `names`, `numbers` and `text`; rule files see one another anyway",
                    ),
                    *at,
                );
            }
            Expr::StringConstant(name, _) => {
                if !alias.is_empty() {
                    self.modules.insert(alias.to_owned(), name.to_string());
                }
            }
            _ => {
                let found =
                    Diagnostic::error(codes::RULE_UNKNOWN_FUNCTION, "a module is named by text in quotes");
                self.mistake(found, position);
            }
        }
    }

    fn expression(&mut self, expression: &Expr) -> Kind {
        match expression {
            Expr::Variable(name, _, position) => {
                return self.variable(&name.1, &name.2.to_string(), *position);
            }
            Expr::DynamicConstant(value, _) => {
                if let Some(closure) = value.read_lock::<FnPtr>() {
                    self.closure(&closure, &[], Kind::Other);
                }
            }
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                for part in parts {
                    self.expression(part);
                }
            }
            Expr::Map(map, _) => {
                for (_, value) in &map.0 {
                    self.expression(value);
                }
            }
            Expr::Stmt(block) => return self.block(block.statements()),
            Expr::FnCall(call, position) | Expr::MethodCall(call, position) => {
                return self.call(call, *position, None);
            }
            Expr::Dot(pair, flags, _) => self.chain(pair, *flags, false),
            Expr::Index(pair, flags, _) => self.chain(pair, *flags, true),
            Expr::And(parts, _) | Expr::Or(parts, _) => {
                for part in parts.iter() {
                    self.expression(part);
                }
            }
            Expr::Coalesce(parts, _) => {
                let mut first = None;
                for part in parts.iter() {
                    let kind = self.expression(part);
                    first.get_or_insert(kind);
                }
                return first.unwrap_or(Kind::Other);
            }
            _ => {}
        }
        Kind::Other
    }

    fn variable(&mut self, name: &str, module: &str, position: Position) -> Kind {
        if !module.is_empty() {
            let found = Diagnostic::error(
                codes::RULE_UNKNOWN_VARIABLE,
                format!("there is no variable `{module}::{name}`"),
            );
            self.mistake(
                found.hint("a function that gives the value is seen everywhere: `fn limit() { 2000 }`"),
                position,
            );
            return Kind::Other;
        }
        if let Some(kind) = self.bound(name) {
            return kind;
        }
        if self.bare_attributes && self.inside == 0 {
            self.attribute(name, position);
        } else if !self.functions.keys().any(|(known, _)| known == name) {
            self.unknown_variable(name, position);
        }
        Kind::Other
    }

    /// Gives what a name stands for here, where it is bound.
    fn bound(&self, name: &str) -> Option<Kind> {
        self.names.iter().rev().find(|(bound, _)| bound == name).map(|(_, kind)| *kind)
    }

    fn unknown_variable(&mut self, name: &str, position: Position) {
        let user = self.names.iter().find(|(_, kind)| kind.is_user()).map(|(name, _)| name.clone());
        let phone = self.names.iter().any(|(_, kind)| *kind == Kind::Phone);
        let near = nearest(name, self.names.iter().map(|(name, _)| name.as_str())).map(str::to_owned);
        let hint = match (near, user) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(user)) => format!("an attribute is `{user}.{name}` here"),
            (None, None) if phone => "here stands the user of the phone system: `phone.name`".into(),
            (None, None) if name == "user" => {
                "a rule sees the user through a closure: `|user| user.department`".into()
            }
            (None, None) if self.inside > 0 => {
                "functions and closures see what they are given: `|user| user.department`".into()
            }
            (None, None) => "an attribute is seen through a closure: `|user| user.department`".into(),
        };
        let found = Diagnostic::error(codes::RULE_UNKNOWN_VARIABLE, format!("there is no variable `{name}`"));
        self.mistake(found.hint(hint), position);
    }

    fn chain(&mut self, pair: &BinaryExpr, flags: ASTFlags, index: bool) {
        let kind = self.expression(&pair.lhs);
        self.rest(&pair.rhs, flags.contains(ASTFlags::BREAK), kind, index);
    }

    /// What follows in a chain: Rhai hangs `a.b[c]` together from the right.
    fn rest(&mut self, link: &Expr, ends: bool, kind: Kind, index: bool) {
        match link {
            Expr::Dot(pair, flags, _) if !ends => {
                self.step(&pair.lhs, kind, index);
                self.rest(&pair.rhs, flags.contains(ASTFlags::BREAK), Kind::Other, false);
            }
            Expr::Index(pair, flags, _) if !ends => {
                self.step(&pair.lhs, kind, index);
                self.rest(&pair.rhs, flags.contains(ASTFlags::BREAK), Kind::Other, true);
            }
            last => self.step(last, kind, index),
        }
    }

    fn step(&mut self, link: &Expr, kind: Kind, index: bool) {
        match link {
            Expr::Property(property, position) if !index => self.property(&property.2, kind, *position),
            Expr::StringConstant(name, position) if index => self.property(name, kind, *position),
            Expr::MethodCall(call, position) if !index => {
                self.call(call, *position, Some(kind));
            }
            other => {
                self.expression(other);
            }
        }
    }

    fn property(&mut self, name: &str, kind: Kind, position: Position) {
        match kind {
            Kind::User | Kind::CalledUser => self.attribute(name, position),
            Kind::Phone if !PHONE_PROPERTIES.contains(&name) => {
                let found =
                    Diagnostic::error(codes::RULE_UNKNOWN_VARIABLE, format!("a phone user has no `{name}`"));
                let hint = match nearest(name, PHONE_PROPERTIES) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it has {}", PHONE_PROPERTIES.map(|name| format!("`{name}`")).join(", ")),
                };
                self.mistake(found.hint(hint), position);
            }
            Kind::Phone | Kind::Other => {}
        }
    }

    fn attribute(&mut self, name: &str, position: Position) {
        let place = self.unit.at(position);
        let places = self.findings.attributes.entry(name.into()).or_default();
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// A call; `target` is what a method is called on.
    fn call(&mut self, call: &FnCallExpr, position: Position, target: Option<Kind>) -> Kind {
        let module = call.namespace.to_string();
        let module = self.modules.get(&module).cloned().unwrap_or(module);
        if module.is_empty() && call.name == "curry" && target.is_none() {
            return self.captured(call, Kind::Other);
        }
        if module.is_empty() && call.name == "rule" && target.is_none() {
            return self.rule(call, position);
        }
        let mut kinds: Vec<Kind> = target.into_iter().collect();
        for argument in &call.args {
            kinds.push(self.expression(argument));
        }
        if call.op_token.is_some() {
            return Kind::Other;
        }
        if module.is_empty() && self.functions.contains_key(&(call.name.to_string(), kinds.len())) {
            self.enter(&call.name, &kinds);
            return Kind::Other;
        }
        if module.is_empty()
            && target.is_some()
            && self.functions.contains_key(&(call.name.to_string(), call.args.len()))
        {
            self.enter(&call.name, &kinds[1..]);
            return Kind::Other;
        }
        if module == "names" && call.name == "phone_name" && kinds.first().is_some_and(|kind| kind.is_user())
        {
            self.findings.soft.extend(library::names::ATTRIBUTES.map(Text::from));
        }
        self.known(&module, &call.name, kinds.len(), position);
        Kind::Other
    }

    fn known(&mut self, module: &str, name: &str, arguments: usize, position: Position) {
        let shown = if module.is_empty() { name.to_owned() } else { format!("{module}::{name}") };
        let own: Vec<usize> =
            self.functions.keys().filter(|(known, _)| known == name).map(|(_, count)| *count).collect();
        let unknown = match self.catalogue.check(module, name, arguments) {
            Ok(()) => return,
            Err(Unknown::Name(_)) if module.is_empty() && !own.is_empty() => Unknown::Arguments(own),
            Err(_) if self.lenient && module.is_empty() => return,
            Err(unknown) => unknown,
        };
        let found = match unknown {
            Unknown::Arguments(counts) => {
                let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
                let message = format!("`{shown}` does not take {}", counted(arguments));
                Diagnostic::error(codes::RULE_UNKNOWN_FUNCTION, message)
                    .hint(format!("it takes {}", counts.join(" or ")))
            }
            Unknown::Name(near) => {
                let near = near.or_else(|| {
                    let own = self
                        .functions
                        .keys()
                        .map(|(name, _)| name.as_str())
                        .filter(|name| !name.contains('$'));
                    nearest(name, own).map(str::to_owned)
                });
                let found = Diagnostic::error(
                    codes::RULE_UNKNOWN_FUNCTION,
                    format!("there is no function `{shown}`"),
                );
                match near {
                    Some(near) => found.hint(format!("did you mean `{near}`?")),
                    None => found,
                }
            }
        };
        self.mistake(found, position);
    }

    fn mistake(&mut self, found: Diagnostic, position: Position) {
        let found = found.at(self.unit.at(position));
        if !self.findings.mistakes.contains(&found) {
            self.findings.mistakes.push(found);
        }
    }
}

fn counted(arguments: usize) -> String {
    match arguments {
        0 => "no argument".into(),
        1 => "1 argument".into(),
        many => format!("{many} arguments"),
    }
}
