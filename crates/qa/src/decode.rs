//! Turns the spans of all windows into answers: text, merging, order. Pure.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use crate::answer::AnswerSpan;
use crate::encoding::Window;
use crate::question::{Compat, Options};
use crate::span::{Probabilities, Span};

/// Collects the answers of one question, window by window.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    context: Characters<'a>,
    options: &'a Options,
    answers: Vec<AnswerSpan>,
    // Where texts with the same hash in lower case are in `answers`; empty where equal texts are kept apart. The texts themselves
    // would be many times the context.
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

    /// How many spans of a window are looked at: growing to whole words makes some of them equal, so that more are
    /// needed where equals become one.
    fn candidates(&self) -> usize {
        candidates(self.options)
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
        let lower = text.to_lowercase();
        let places = self.places.entry(self.hashes.hash_one(&lower)).or_default();
        let known = places.iter().map(|&place| place as usize).find(|&place| {
            let known = self.answers[place].text(self.context.text);
            known == text || known.to_lowercase() == lower
        });
        if let Some(known) = known {
            self.answers[known].score += score;
        } else {
            // There are never as many candidates.
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

/// Number of spans of each window that are looked at.
pub(crate) fn candidates(options: &Options) -> usize {
    let top_k = options.top_k.get();
    match options.compat {
        Compat::V4_57 if options.align_to_words => top_k.saturating_mul(2).saturating_add(10),
        Compat::V4_57 | Compat::V4_52 => top_k,
    }
}

/// A text that is cut by code points.
#[derive(Debug)]
struct Characters<'a> {
    text: &'a str,
    // The byte at which each code point starts; the offsets of tokens have 32 bits as well.
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

    /// The code points of `range`, none where it lies outside the text.
    fn slice(&self, range: &Range<usize>) -> &'a str {
        self.text.get(self.bytes(range)).unwrap_or_default()
    }

    /// The bytes of the code points of `range`.
    fn bytes(&self, range: &Range<usize>) -> Range<usize> {
        let byte = |character: usize| {
            let byte = self.starts.get(character).copied();
            byte.map_or(self.text.len(), |byte| byte as usize)
        };
        byte(range.start)..byte(range.end)
    }
}
