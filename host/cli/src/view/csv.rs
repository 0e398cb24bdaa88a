//! CSV that a spreadsheet shows and does not calculate.

/// Writes one row.
pub(crate) fn row<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    cells.into_iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n"
}

/// Writes one cell. What a spreadsheet would take for a formula gets an apostrophe in front.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['\t', '\r', '\n']) || text.trim_start().starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', ';', '\n', '\r', '\'', '\t']) || text.starts_with(' ') || text.ends_with(' ')
    {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_disarmed_and_borders_are_kept() {
        let check = |cells: &[&str], expect: &str| assert_eq!(row(cells.iter().copied()), expect);
        check(&["a", "", "b"], "a,,b\r\n");
        check(&["=1+1", "+44 20", "-1", "@x", "\t=1"], "\"'=1+1\",\"'+44 20\",\"'-1\",\"'@x\",\"'\t=1\"\r\n");
        check(
            &["Berg, Anna", "say \"hi\"", "two\nlines"],
            "\"Berg, Anna\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n",
        );
        check(&[" =1"], "\"' =1\"\r\n");
    }
}
