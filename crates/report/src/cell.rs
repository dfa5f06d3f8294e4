//! Cells of CSV files that a spreadsheet reads as text. Pure.

/// `text` as a cell that no spreadsheet runs as a formula. A text that would be a formula gets an apostrophe in front, which
/// spreadsheets do not show.
///
/// Names of requests and causes of failures come from scenarios and servers of other people.
pub(super) fn harmless(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    // A lone dash and a negative number are no formulas.
    if is_formula && text != "-" && text.parse::<f64>().is_err() {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts() {
        for (text, expected) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("+1+1", "'+1+1"),
            ("-1-1", "'-1-1"),
            ("\t=1", "'\t=1"),
            ("-1.5", "-1.5"),
            ("-", "-"),
            ("/=", "/="),
            ("", ""),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }
}
