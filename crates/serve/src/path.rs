//! Normalization of paths: percent-encoded letters, and slashes at the end. Pure.

use axum::http::Uri;

/// `uri` with decoded percent-encoded letters, digits, `-`, `.`, `_` and `~`. By RFC 3986 both forms are equal. `None` if the path has
/// no percent encoding.
pub(crate) fn normalized(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains('%') {
        return None;
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let unreserved = after.get(..2).and_then(unreserved);
        if let Some(character) = unreserved {
            normal.push(character);
            rest = &after[2..];
        } else {
            normal.push('%');
            rest = after;
        }
    }
    normal.push_str(rest);
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map(|query| format!("?{query}"));
    let path_and_query = normal + query.as_deref().unwrap_or_default();
    parts.path_and_query = Some(path_and_query.parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn unreserved(digits: &str) -> Option<char> {
    let byte = u8::from_str_radix(digits, 16).ok()?;
    let stands_for_itself = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (stands_for_itself && !digits.starts_with('+')).then_some(char::from(byte))
}

/// The path without the slashes at its end, and the relative URL of that path. A relative URL also works behind a proxy that
/// removes a path prefix. `None` for a path without a slash at its end.
pub(crate) fn without_slash(uri: &Uri) -> Option<(&str, String)> {
    let path = uri.path();
    let plain = path.trim_end_matches('/');
    let last = plain.rsplit('/').next().filter(|last| !last.is_empty())?;
    let slashes = path.len() - plain.len();
    if slashes == 0 {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}"));
    let query = query.as_deref().unwrap_or_default();
    Some((plain, format!("{}{last}{query}", "../".repeat(slashes))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_digits_and_four_marks_are_decoded() {
        for (from, to) in [
            ("/question%5Fanswering", "/question_answering"),
            ("/%76%32/health%2flive?a=%5f", "/v2/health%2flive?a=%5f"),
            ("/models/a%20b%", "/models/a%20b%"),
            ("/%+5/%c3%a9%7E", "/%+5/%c3%a9~"),
        ] {
            let uri: Uri = from.parse().unwrap();
            assert_eq!(normalized(&uri).unwrap().to_string(), to, "{from}");
        }
        assert_eq!(normalized(&"/health?a=%41".parse().unwrap()), None);
    }

    #[test]
    fn a_slash_at_the_end_leads_back_over_it() {
        let check = |from: &str, to: Option<(&str, &str)>| {
            let uri: Uri = from.parse().unwrap();
            let found = without_slash(&uri);
            assert_eq!(
                found,
                to.map(|(path, way)| (path, way.to_owned())),
                "{from}"
            );
        };
        check("/health/", Some(("/health", "../health")));
        check("/v2/models/a//?b=1", Some(("/v2/models/a", "../../a?b=1")));
        check("/health", None);
        check("/", None);
        check("//", None);
    }
}
