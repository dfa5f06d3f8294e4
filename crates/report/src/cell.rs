//! Cells of CSV files that a spreadsheet takes for text. Pure.

/// `text` as a cell that no spreadsheet runs: what would be a formula has an apostrophe in front, which spreadsheets do not show.
/// Names of requests and causes of failures come from scenarios and servers that others write.
pub(super) fn harmless(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    // A lone dash and a negative number are none.
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
