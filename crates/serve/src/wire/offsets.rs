//! Unit of the offsets of an answer.

use std::collections::BTreeMap;

use super::answers::Span;

/// Unit of the offsets of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Offsets {
    /// Unicode code points, as in Python.
    #[default]
    CodePoints,
    /// UTF-16 code units, as in JavaScript, Java and C#.
    Utf16,
    /// Bytes of UTF-8, as in Rust and Go.
    Bytes,
}

impl Offsets {
    /// Names of the units in requests.
    pub(crate) const NAMED: [(&'static str, Self); 3] = [
        ("code_points", Self::CodePoints),
        ("utf16", Self::Utf16),
        ("bytes", Self::Bytes),
    ];

    /// Converts offsets of `spans` from code points of `context` to this unit, in one pass over the context.
    pub(crate) fn apply(self, context: &str, spans: &mut [Span<'_>]) {
        let width = match self {
            Self::CodePoints => return,
            Self::Utf16 => char::len_utf16,
            Self::Bytes => char::len_utf8,
        };
        let mut wanted: BTreeMap<usize, usize> = spans
            .iter()
            .flat_map(|span| [(span.start, 0), (span.end, 0)])
            .collect();
        let mut characters = context.chars();
        let (mut code_points, mut units) = (0, 0);
        for (&position, found) in &mut wanted {
            for character in characters.by_ref().take(position - code_points) {
                units += width(character);
            }
            code_points = position;
            *found = units;
        }
        for span in spans {
            span.start = wanted[&span.start];
            span.end = wanted[&span.end];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Offsets of some spans, in the unit of `offsets`.
    fn counted(offsets: Offsets) -> Vec<(usize, usize)> {
        // A flag of two code points outside the basic plane, and combining accents.
        let context = "🇫🇷 e\u{301}te\u{301} 😀";
        let span = |(start, end)| Span {
            score: 1.0,
            start,
            end,
            answer: "",
        };
        let mut spans: Vec<Span> = [(9, 10), (0, 2), (3, 8), (0, 0)].map(span).into();
        offsets.apply(context, &mut spans);
        spans.iter().map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn offsets_count_what_is_asked_for() {
        assert_eq!(
            counted(Offsets::CodePoints),
            [(9, 10), (0, 2), (3, 8), (0, 0)]
        );
        assert_eq!(counted(Offsets::Utf16), [(11, 13), (0, 4), (5, 10), (0, 0)]);
        assert_eq!(counted(Offsets::Bytes), [(17, 21), (0, 8), (9, 16), (0, 0)]);
    }
}
