//! Diagnostics on a terminal: code, place underlined, hint.

use std::collections::BTreeMap;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use rollcall_core::{Diagnostic, Place, Severity};

use crate::view::text::shown;

/// Renders diagnostics with styles; the stream drops them where none are wanted.
pub(crate) fn render(diagnostics: &[Diagnostic]) -> String {
    alike(diagnostics).iter().map(|(first, users)| one(first, users)).collect::<Vec<_>>().join("\n")
}

/// How many users are named of whom the same is told.
const NAMED: usize = 20;

/// Puts together what is the same of several users: each with the users that it is about, in the order of the first.
fn alike(diagnostics: &[Diagnostic]) -> Vec<(&Diagnostic, Vec<&str>)> {
    let same = |one: &Diagnostic, other: &Diagnostic| {
        one.user.is_some()
            && other.user.is_some()
            && (one.severity, &one.place) == (other.severity, &other.place)
    };
    let mut all: Vec<(&Diagnostic, Vec<&str>)> = Vec::new();
    let mut by_text: BTreeMap<(&str, &str, Option<&str>), Vec<usize>> = BTreeMap::new();
    for found in diagnostics {
        let these = by_text.entry((found.code.0, &found.message, found.hint.as_deref())).or_default();
        match these.iter().find(|at| same(all[**at].0, found)) {
            Some(at) => all[*at].1.extend(found.user.as_deref()),
            None => {
                these.push(all.len());
                all.push((found, found.user.as_deref().into_iter().collect()));
            }
        }
    }
    all
}

/// Names users, the first of many.
fn named(users: &[&str]) -> String {
    let first = users.iter().take(NAMED).map(|user| shown(user)).collect::<Vec<_>>().join(", ");
    match users.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more (`--json` names all)"),
    }
}

fn one(diagnostic: &Diagnostic, users: &[&str]) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut title = shown(&diagnostic.message);
    if !users.is_empty() {
        title = format!("{}: {title}", named(users));
    }
    if let Place::Path(keys) = &diagnostic.place {
        title = format!("{title} (at `{}`)", keys.join("."));
    }
    let title = level.primary_title(title).id(diagnostic.code.0);
    let hint = diagnostic.hint.as_ref().map(|hint| shown(hint));
    let Place::Span { file, source, bytes } = &diagnostic.place else {
        // Without a source there is no frame that a hint could hang on.
        let hint = hint.map(|hint| format!("  hint: {hint}\n")).unwrap_or_default();
        return format!("{}\n{hint}", Renderer::styled().render(&[Group::with_title(title)]));
    };
    let end = bytes.end.max(bytes.start + 1).min(source.len());
    let span = bytes.start.min(end)..end;
    let snippet = Snippet::source(source.to_string()).path(file.to_string());
    let mut group = title.element(snippet.annotation(AnnotationKind::Primary.span(span)));
    if let Some(hint) = hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    Renderer::styled().render(&[group]) + "\n"
}

#[cfg(test)]
mod tests {
    use rollcall_core::codes;

    use super::*;

    #[test]
    fn what_is_the_same_of_several_users_is_told_once() {
        let of = |user: &str, message: &str| Diagnostic::warning(codes::STALE, message).user(user);
        let mut all: Vec<Diagnostic> = (1..=22).map(|n| of(&format!("u{n}"), "the same")).collect();
        all.insert(1, of("v", "another"));
        all.push(of("w", "the same").hint("with a hint"));
        all.push(Diagnostic::warning(codes::STALE, "the same"));
        let told = anstream::adapter::strip_str(&render(&all)).to_string();
        let titles: Vec<&str> = told.lines().filter_map(|line| line.strip_prefix("warning[")).collect();
        let said: Vec<&str> = titles.iter().filter_map(|title| Some(title.split_once("]: ")?.1)).collect();
        let many = (1..=20).map(|n| format!("u{n}")).collect::<Vec<_>>().join(", ");
        let many = format!("{many} and 2 more (`--json` names all): the same");
        assert_eq!(said, [many.as_str(), "v: another", "w: the same", "the same"]);
        // Nothing of the run as a whole is put together: nobody is named by it.
        let twice = [Diagnostic::warning(codes::STALE, "a"), Diagnostic::warning(codes::STALE, "a")];
        assert_eq!(alike(&twice).len(), 2);
    }
}
