//! Diagnostics on a terminal: code, place underlined, hint.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use rollcall_core::{Diagnostic, Place, Severity};

use crate::view::text::shown;

/// Renders diagnostics with styles; the stream drops them where none are wanted.
pub(crate) fn render(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn one(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut title = shown(&diagnostic.message);
    if let Some(user) = &diagnostic.user {
        title = format!("{}: {title}", shown(user));
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
