//! Decoding: turns the spans of all windows into answers, merged and in order. Pure.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use crate::answer::AnswerSpan;
use crate::encoding::Window;
use crate::question::{Compat, Options};
use crate::span::{Probabilities, Span};

/// Collector of the answers to one question. It takes one window after another.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    context: Characters<'a>,
    options: &'a Options,
    answers: Vec<AnswerSpan>,
    // Indices into `answers`, by the hash of the text in lower case. Empty if equal texts are separate answers. A map with the
    // texts as keys would be many times larger than the context.
    places: HashMap<u64, Vec<u32>>,
    hashes: RandomState,
    null_score: f32,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(context: &'a str, options: &'a Options) -> Self {
        Self {
            context: Characters::new(context),
            options,
            answers: Vec::new(),
            places: HashMap::new(),
            hashes: RandomState::new(),
            null_score: f32::INFINITY,
        }
    }

    /// Adds the best spans of a window.
    pub(crate) fn add(&mut self, window: &Window<'_>, probabilities: &Probabilities) {
        self.null_score = self.null_score.min(probabilities.null);
        let wanted = self.candidates();
        let spans = probabilities.best_spans(wanted, self.options.max_answer_len.get());
        for span in &spans {
            let characters = self.characters(window, span.start, span.end);
            self.take(characters, f64::from(span.score));
        }
        self.fill_up(window, &spans, wanted);
    }

    /// Adds spans with score 0 if fewer than `wanted` spans have a score, as the reference does. Their order is that of their
    /// first and last tokens. The reference also counts spans that start or end at the first token of the window, and spans
    /// that end before they start, whose text is empty.
    fn fill_up(&mut self, window: &Window<'_>, scored: &[Span], wanted: usize) {
        let (context, tokens) = (window.context(), window.tokens());
        let scored: HashSet<(usize, usize)> = scored
            .iter()
            .map(|span| (context.start + span.start, context.start + span.end))
            .collect();
        let pairs = (0..tokens).flat_map(|start| (0..tokens).map(move |end| (start, end)));
        let without_score = pairs.filter(|pair| !scored.contains(pair));
        // The reference counts spans with other tokens too, and then drops them.
        for (start, end) in without_score.take(wanted.saturating_sub(scored.len())) {
            let in_context = |token: usize| context.contains(&token).then(|| token - context.start);
            let characters = match (in_context(start), in_context(end)) {
                (Some(start), Some(end)) => self.characters(window, start, end),
                // The class token has the position 0 in the context.
                (None, Some(end)) if start == 0 => 0..window.characters(end, end).end,
                (Some(start), None) if end == 0 => window.characters(start, start).start..0,
                (None, None) if (start, end) == (0, 0) => 0..0,
                _ => continue,
            };
            let end = characters.end.max(characters.start);
            self.take(characters.start..end, 0.0);
        }
    }

    fn characters(&self, window: &Window<'_>, start: usize, end: usize) -> Range<usize> {
        if self.options.align_to_words {
            window.word_characters(start, end)
        } else {
            window.characters(start, end)
        }
    }

    /// Answers, best first. Answers with equal scores keep the order in which they were found.
    pub(crate) fn finish(mut self) -> Vec<AnswerSpan> {
        if self.options.handle_impossible_answer {
            self.answers.push(AnswerSpan {
                score: f64::from(self.null_score),
                start: 0,
                end: 0,
                bytes: 0..0,
            });
        }
        self.answers.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.answers.truncate(self.options.top_k.get());
        self.answers.shrink_to_fit();
        self.answers
    }

    /// See [`candidates`].
    fn candidates(&self) -> usize {
        candidates(self.options)
    }

    /// Adds a span, as a new answer or to the score of an answer with the same text.
    fn take(&mut self, characters: Range<usize>, score: f64) {
        match self.options.compat {
            Compat::V4_57 => self.merge(characters, score),
            Compat::V4_52 => self.push(characters, score),
        }
    }

    /// Adds an answer, or adds its score to an answer with the same text. Letter case is ignored.
    fn merge(&mut self, characters: Range<usize>, score: f64) {
        let text = self.context.slice(&characters);
        let lower = text.to_lowercase();
        let places = self.places.entry(self.hashes.hash_one(&lower)).or_default();
        let known = places.iter().map(|&place| place as usize).find(|&place| {
            let known = self.answers[place].text(self.context.text);
            known == text || known.to_lowercase() == lower
        });
        if let Some(known) = known {
            self.answers[known].score += score;
        } else {
            // The number of candidates is far below 2^32.
            places.push(u32::try_from(self.answers.len()).unwrap_or(u32::MAX));
            self.push(characters, score);
        }
    }

    fn push(&mut self, characters: Range<usize>, score: f64) {
        let bytes = self.context.bytes(&characters);
        let Range { start, end } = characters;
        self.answers.push(AnswerSpan {
            score,
            start,
            end,
            bytes,
        });
    }
}

/// Number of best spans that are read from each window.
///
/// Spans that are extended to whole words can become equal and are then merged, so that more than `top_k` are needed.
pub(crate) fn candidates(options: &Options) -> usize {
    let top_k = options.top_k.get();
    match options.compat {
        Compat::V4_57 if options.align_to_words => top_k.saturating_mul(2).saturating_add(10),
        Compat::V4_57 | Compat::V4_52 => top_k,
    }
}

/// Text that is indexed by code points.
#[derive(Debug)]
struct Characters<'a> {
    text: &'a str,
    // First byte of each code point.
    starts: Vec<u32>,
}

impl<'a> Characters<'a> {
    fn new(text: &'a str) -> Self {
        let starts = text.char_indices();
        let starts = starts.map(|(byte, _)| u32::try_from(byte).unwrap_or(u32::MAX));
        Self {
            text,
            starts: starts.collect(),
        }
    }

    /// Text of the code points in `range`; empty if the range is outside the text.
    fn slice(&self, range: &Range<usize>) -> &'a str {
        self.text.get(self.bytes(range)).unwrap_or_default()
    }

    /// Byte range of the code points in `range`.
    fn bytes(&self, range: &Range<usize>) -> Range<usize> {
        let byte = |character: usize| {
            let byte = self.starts.get(character).copied();
            byte.map_or(self.text.len(), |byte| byte as usize)
        };
        byte(range.start)..byte(range.end)
    }
}
