//! The provisioning rules: what `rule("name", #{…})` said, checked when the file is read and resolved for each user.

use std::collections::BTreeMap;
use std::sync::Arc;

use rhai::{Array, Dynamic, FnPtr, Map, Position};
use rollcall_core::script::{ExtensionKind, NumberRange, Rule};
use rollcall_core::{Diagnostic, Text, codes};

use crate::catalogue::nearest;
use crate::failure;
use crate::limits::{NUMBER_DIGITS_MAX, RULES_MAX};
use crate::source::Unit;
use crate::values::tidy;
use crate::walk::RuleCalls;

/// What a rule may say.
pub(crate) const KEYS: [&str; 7] = [
    "when",
    "system",
    "start_extension",
    "end_extension",
    "user_template",
    "extension_template",
    "extension_type",
];

/// The extension types of IP Office's extension templates.
const EXTENSION_TYPES: [&str; 4] = ["H323", "SIP", "IP DECT", "SIP DECT"];

/// One call of `rule`, as it was made.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) position: Position,
    pub(crate) name: Dynamic,
    pub(crate) map: Dynamic,
}

/// One value of a rule.
pub(crate) struct Given {
    pub(crate) value: Dynamic,
    pub(crate) position: Position,
}

/// One rule.
pub(crate) struct Provisioning {
    pub(crate) name: Text,
    pub(crate) unit: Arc<Unit>,
    pub(crate) position: Position,
    pub(crate) values: BTreeMap<&'static str, Given>,
    /// The answer, where no value depends on the user.
    pub(crate) fixed: Option<Rule>,
}

/// A value that cannot stand: its key, the message, what to do.
pub(crate) type Wrong = (&'static str, String, Option<String>);

impl Provisioning {
    /// Gives the closure of a key, if it is one.
    pub(crate) fn closure(&self, key: &str) -> Option<FnPtr> {
        self.values.get(key).and_then(|given| closure(&given.value))
    }

    /// Gives the point to underline for a key.
    pub(crate) fn position_of(&self, key: &str) -> Position {
        self.values.get(key).map_or(self.position, |given| given.position)
    }
}

/// Gives the function in a value.
pub(crate) fn closure(value: &Dynamic) -> Option<FnPtr> {
    value.read_lock::<FnPtr>().map(|closure| (*closure).clone())
}

/// Checks one file's calls and adds its rules to `rules`.
pub(crate) fn read(
    unit: &Arc<Unit>,
    calls: Vec<Call>,
    places: &RuleCalls,
    extension_mapped: bool,
    rules: &mut Vec<Provisioning>,
    found: &mut Vec<Diagnostic>,
) {
    for call in calls {
        let at = (call.position.line().unwrap_or(0), call.position.position().unwrap_or(0));
        let nothing = BTreeMap::new();
        let places = places.get(&at).unwrap_or(&nothing);
        let mut report = |wrong: Diagnostic, position: Position| found.push(wrong.at(unit.at(position)));
        let Some(name) = call.name.as_immutable_string_ref().ok().and_then(|name| tidy(&name)) else {
            report(bad("a rule's name is text").hint("rule(\"UK sales\", #{ … });"), call.position);
            continue;
        };
        if let Some(first) = rules.iter().find(|rule| rule.name == name) {
            let twice = Diagnostic::error(codes::RULE_TWICE, format!("there are two rules `{name}`"));
            let line = first.position.line().unwrap_or(0);
            report(
                twice.hint(format!("the first one stands in line {line}; only one of a name can be meant")),
                call.position,
            );
        }
        if rules.len() == RULES_MAX {
            report(bad(format!("more than {RULES_MAX} rules")), call.position);
            return;
        }
        let Some(map) = call.map.read_lock::<Map>() else {
            report(
                bad(format!("rule `{name}` takes a map of values")).hint("rule(\"UK sales\", #{ … });"),
                call.position,
            );
            continue;
        };
        let mut rule = Provisioning {
            name: name.clone(),
            unit: unit.clone(),
            position: call.position,
            values: BTreeMap::new(),
            fixed: None,
        };
        for (key, value) in map.iter() {
            let (key_at, value_at) =
                places.get(key.as_str()).copied().unwrap_or((call.position, call.position));
            match KEYS.into_iter().find(|known| known == key) {
                Some(known) => {
                    rule.values.insert(known, Given { value: value.clone(), position: value_at });
                }
                None => report(unknown_key(&name, key), key_at),
            }
        }
        let (wrong, note) = check(&mut rule, extension_mapped);
        for (key, message, hint) in wrong {
            let mut diagnostic = bad(format!("rule `{name}`: {message}"));
            diagnostic.hint = hint;
            report(diagnostic, rule.position_of(key));
        }
        if let Some((key, note)) = note {
            report(
                Diagnostic::note(codes::RULE_BAD_VALUE, format!("rule `{name}`: {note}")),
                rule.position_of(key),
            );
        }
        rules.push(rule);
    }
}

fn bad(message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::RULE_BAD_VALUE, message)
}

fn unknown_key(name: &str, key: &str) -> Diagnostic {
    let hint = match nearest(key, KEYS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("a rule has {}", KEYS.map(|key| format!("`{key}`")).join(", ")),
    };
    bad(format!("rule `{name}` has no value `{key}`")).hint(hint)
}

/// Frees a value of what other closures could change: an answer depends on the user alone.
pub(crate) fn unshared(value: &Dynamic) -> Dynamic {
    let value = value.clone().flatten();
    if let Some(mut closure) = closure(&value) {
        let captured: Vec<Dynamic> = closure.iter_curry().map(unshared).collect();
        closure.set_curry(captured);
        return Dynamic::from(closure);
    }
    if let Some(list) = value.read_lock::<Array>() {
        return Dynamic::from_array(list.iter().map(unshared).collect());
    }
    if let Some(map) = value.read_lock::<Map>() {
        return Dynamic::from_map(map.iter().map(|(key, value)| (key.clone(), unshared(value))).collect());
    }
    value
}

type Note = Option<(&'static str, &'static str)>;

/// Checks what is known before there is a user.
fn check(rule: &mut Provisioning, extension_mapped: bool) -> (Vec<Wrong>, Note) {
    let mut wrong = Vec::new();
    if let Some(given) = rule.values.get("when")
        && closure(&given.value).is_none()
        && !given.value.is_bool()
    {
        wrong.push((
            "when",
            format!("`when` is a closure of the user, not {}", failure::thing(&given.value)),
            Some("when: |user| user.department == \"Sales\"".into()),
        ));
    }
    let depends = KEYS.iter().any(|key| *key != "when" && rule.closure(key).is_some());
    let known = |key: &str| {
        rule.values.get(key).filter(|given| closure(&given.value).is_none()).map(|given| &given.value)
    };
    match assemble(known) {
        Ok(fixed) if !depends => rule.fixed = Some(fixed),
        Ok(_) => {}
        // `end_extension` alone is no mistake while `start_extension` is a closure.
        Err(found) => wrong.extend(
            found
                .into_iter()
                .filter(|(key, ..)| !(*key == "end_extension" && rule.closure("start_extension").is_some())),
        ),
    }
    let makes =
        ["extension_template", "extension_type"].into_iter().find(|key| present(rule.values.get(*key)));
    let mut note = None;
    if let Some(key) = makes.filter(|_| !present(rule.values.get("start_extension"))) {
        if extension_mapped {
            note = Some((key, "an extension is made only for users to whom the directory gives a number"));
        } else {
            wrong.push((
                key,
                format!("`{key}` needs a number, and neither `start_extension` nor the field `extension` gives one"),
                Some("add `start_extension: 2000, end_extension: 2999`".into()),
            ));
        }
    }
    (wrong, note)
}

fn present(given: Option<&Given>) -> bool {
    given.is_some_and(|given| !given.value.is_unit())
}

/// Makes a rule of its values; the name is the caller's.
pub(crate) fn assemble<'a>(value: impl Fn(&str) -> Option<&'a Dynamic>) -> Result<Rule, Vec<Wrong>> {
    let mut wrong = Vec::new();
    let mut rule = Rule::default();
    let mut texts = |key: &'static str| match value(key).map_or(Ok(None), |value| text(key, value)) {
        Ok(text) => text,
        Err(found) => {
            wrong.push(found);
            None
        }
    };
    rule.system = texts("system");
    rule.user_template = texts("user_template");
    let template = texts("extension_template");
    let kind = texts("extension_type");
    let kind = match kind.as_deref().map(extension_type) {
        Some(Err(found)) => {
            wrong.push(found);
            None
        }
        Some(Ok(kind)) => Some(kind),
        None => None,
    };
    rule.extension = template.map(ExtensionKind::Template).or(kind.map(ExtensionKind::Type));
    match range(value("start_extension"), value("end_extension")) {
        Ok(range) => rule.range = range,
        Err(found) => wrong.push(found),
    }
    if wrong.is_empty() { Ok(rule) } else { Err(wrong) }
}

fn text(key: &'static str, value: &Dynamic) -> Result<Option<Text>, Wrong> {
    if value.is_unit() {
        return Ok(None);
    }
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(tidy(&text)),
        Err(_) => Err((key, format!("`{key}` is text, not {}", failure::thing(value)), None)),
    }
}

fn extension_type(kind: &str) -> Result<Text, Wrong> {
    match EXTENSION_TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(kind)) {
        Some(known) => Ok(known.into()),
        None => {
            let known = EXTENSION_TYPES.map(|known| format!("`{known}`")).join(", ");
            let hint = format!("it is one of {known}");
            Err(("extension_type", format!("`{}` is no extension type", kind.escape_debug()), Some(hint)))
        }
    }
}

fn range(start: Option<&Dynamic>, end: Option<&Dynamic>) -> Result<Option<NumberRange>, Wrong> {
    let start = start.map_or(Ok(None), |value| number("start_extension", value))?;
    let end = end.map_or(Ok(None), |value| number("end_extension", value))?;
    let Some((first, width)) = start else {
        return match end {
            None => Ok(None),
            Some(_) => Err(("end_extension", "`end_extension` without `start_extension`".into(), None)),
        };
    };
    // Without an end the range goes on as long as the numbers keep their length.
    let highest = 10u64.saturating_pow(u32::try_from(width).unwrap_or(u32::MAX)).saturating_sub(1);
    let (last, last_width) = end.unwrap_or((highest, width));
    if first > last {
        let message =
            format!("`start_extension` {first:0width$} is greater than `end_extension` {last:0last_width$}");
        return Err(("start_extension", message, None));
    }
    if width != last_width {
        let message = format!("`start_extension` has {width} digits and `end_extension` {last_width}");
        return Err((
            "end_extension",
            message,
            Some("numbers of one range have the same length: \"0200\"".into()),
        ));
    }
    Ok(Some(NumberRange { first, last, width }))
}

/// A number and how many digits it is written with.
fn number(key: &'static str, value: &Dynamic) -> Result<Option<(u64, usize)>, Wrong> {
    let hint = Some("start_extension: 2000, or in quotes with a zero in front: \"0200\"".to_owned());
    if value.is_unit() {
        return Ok(None);
    }
    let digits = match (value.as_int(), value.as_immutable_string_ref()) {
        (Ok(number), _) => number.to_string(),
        (_, Ok(text)) if text.trim().is_empty() => return Ok(None),
        (_, Ok(text)) => text.trim().to_owned(),
        _ => return Err((key, format!("`{key}` is a number, not {}", failure::thing(value)), hint)),
    };
    let good = (2..=NUMBER_DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse() {
        Ok(number) if good => Ok(Some((number, digits.len()))),
        _ => Err((
            key,
            format!("`{key}` has 2-{NUMBER_DIGITS_MAX} digits, not `{}`", digits.escape_debug()),
            hint,
        )),
    }
}
