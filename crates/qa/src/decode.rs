//! Turns the spans of all windows into answers: text, merging, order. Pure.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::answer::Answer;
use crate::encoding::Window;
use crate::question::{Compat, Options};
use crate::span::{Probabilities, Span};

/// Collects the answers of one question, window by window.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    context: Characters<'a>,
    options: &'a Options,
    answers: Vec<Answer>,
    // Where each text, in lower case, is in `answers`; empty where equal texts are kept apart.
    places: HashMap<String, usize>,
    null_score: f32,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(context: &'a str, options: &'a Options) -> Self {
        Self {
            context: Characters::new(context),
            options,
            answers: Vec::new(),
            places: HashMap::new(),
            null_score: f32::INFINITY,
        }
    }

    /// Takes in what the model thinks of a window.
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

    /// Takes in spans without any score where there are fewer than `wanted` with one, as the reference does: in the order of their
    /// first and last tokens. Those that start or end at the first token of the window count, as do those that end before they start
    /// and so are empty.
    fn fill_up(&mut self, window: &Window<'_>, scored: &[Span], wanted: usize) {
        let (context, tokens) = (window.context(), window.tokens());
        let scored: HashSet<(usize, usize)> = scored
            .iter()
            .map(|span| (context.start + span.start, context.start + span.end))
            .collect();
        let pairs = (0..tokens).flat_map(|start| (0..tokens).map(move |end| (start, end)));
        let without_score = pairs.filter(|pair| !scored.contains(pair));
        // The reference leaves out spans with other tokens after it has counted them.
        for (start, end) in without_score.take(wanted.saturating_sub(scored.len())) {
            let in_context = |token: usize| context.contains(&token).then(|| token - context.start);
            let characters = match (in_context(start), in_context(end)) {
                (Some(start), Some(end)) => self.characters(window, start, end),
                // The first token has no place in the context but its start.
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

    /// The answers, best first; of equals the one found first.
    pub(crate) fn finish(mut self) -> Vec<Answer> {
        if self.options.handle_impossible_answer {
            self.answers.push(Answer {
                score: f64::from(self.null_score),
                start: 0,
                end: 0,
                text: String::new(),
            });
        }
        self.answers.sort_by(|a, b| b.score.total_cmp(&a.score));
        self.answers.truncate(self.options.top_k.get());
        self.answers
    }

    /// How many spans of a window are looked at: growing to whole words makes some of them equal, so that more are
    /// needed where equals become one.
    fn candidates(&self) -> usize {
        let top_k = self.options.top_k.get();
        match self.options.compat {
            Compat::V4_57 if self.options.align_to_words => {
                top_k.saturating_mul(2).saturating_add(10)
            }
            Compat::V4_57 | Compat::V4_52 => top_k,
        }
    }

    /// Takes in one span, as an answer of its own or as more of one that is there.
    fn take(&mut self, characters: Range<usize>, score: f64) {
        match self.options.compat {
            Compat::V4_57 => self.merge(characters, score),
            Compat::V4_52 => self.push(characters, score),
        }
    }

    /// Adds an answer, or only its score where the same text, whatever its case, was found before.
    fn merge(&mut self, characters: Range<usize>, score: f64) {
        let text = self.context.slice(&characters);
        match self.places.entry(text.to_lowercase()) {
            Entry::Occupied(place) => self.answers[*place.get()].score += score,
            Entry::Vacant(place) => {
                place.insert(self.answers.len());
                self.push(characters, score);
            }
        }
    }

    fn push(&mut self, characters: Range<usize>, score: f64) {
        let text = self.context.slice(&characters).to_owned();
        let Range { start, end } = characters;
        self.answers.push(Answer {
            score,
            start,
            end,
            text,
        });
    }
}

/// A text that is cut by code points.
#[derive(Debug)]
struct Characters<'a> {
    text: &'a str,
    // The byte at which each code point starts, and the length in bytes last.
    bytes: Vec<usize>,
}

impl<'a> Characters<'a> {
    fn new(text: &'a str) -> Self {
        let starts = text.char_indices().map(|(byte, _)| byte);
        Self {
            text,
            bytes: starts.chain([text.len()]).collect(),
        }
    }

    /// The code points of `range`, none where it lies outside the text.
    fn slice(&self, range: &Range<usize>) -> &'a str {
        let byte = |character: usize| {
            self.bytes
                .get(character)
                .copied()
                .unwrap_or(self.text.len())
        };
        self.text
            .get(byte(range.start)..byte(range.end))
            .unwrap_or_default()
    }
}
