//! Foreign text on a terminal: control, escape, zero-width and bidirectional characters are shown, not obeyed.

use std::fmt::Write as _;

use rollcall_core::constraint::invisible;

/// Escapes what would steer a terminal.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if invisible(c) {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// Pads to a width in characters, cutting what is longer with an ellipsis.
pub(crate) fn column(text: &str, width: usize) -> String {
    let text = shown(text);
    let chars = text.chars().count();
    if chars > width {
        text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
    } else {
        format!("{text}{}", " ".repeat(width - chars))
    }
}

/// Writes rows as columns; the last one is not padded.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>], widest: usize) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(shown(cell).chars().count()).min(widest);
        }
    }
    let line = |cells: Vec<&str>| {
        let mut out = String::new();
        for (index, cell) in cells.iter().enumerate() {
            if index + 1 == cells.len() {
                out.push_str(shown(cell).trim_end());
            } else {
                out.push_str(&column(cell, widths[index]));
                out.push_str("  ");
            }
        }
        out.trim_end().to_owned() + "\n"
    };
    let mut out = line(head.to_vec());
    for row in rows {
        out.push_str(&line(row.iter().map(String::as_str).collect()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_would_steer_a_terminal() {
        assert_eq!(shown("a\u{1b}[31mb\u{202e}c"), "a\\u{1b}[31mb\\u{202e}c");
    }

    #[test]
    fn columns_are_cut_with_an_ellipsis() {
        assert_eq!(column("abcdef", 4), "abc…");
        assert_eq!(column("ab", 4), "ab  ");
    }
}
