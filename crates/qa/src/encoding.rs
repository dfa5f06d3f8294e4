//! A question and its context as the tokens that a model reads.

use std::num::NonZeroU32;
use std::ops::Range;

use tokenizers::{Encoding, Tokenizer};

use crate::backend::{BackendError, Batch};
use crate::guard;
use crate::question::Question;
use crate::window::TokenCounts;

/// The tokens of a question and the whole of its context, with the special tokens around them.
///
/// It may wait in a queue for long, so it holds no more than what becomes of it needs: 16 bytes for a token of the
/// context, where the tokenizer's own encoding takes about 90.
#[derive(Debug)]
pub(crate) struct EncodedQuestion {
    // What stands around the context: the question's tokens and the special ones.
    before: Vec<SurroundingToken>,
    after: Vec<SurroundingToken>,
    context: Vec<ContextToken>,
    // The segment of the context's tokens.
    context_type_id: u32,
    question_tokens: usize,
}

#[derive(Debug, Clone, Copy)]
struct SurroundingToken {
    id: u32,
    type_id: u32,
}

#[derive(Debug, Clone, Copy)]
struct ContextToken {
    id: u32,
    // Its code points in the context.
    start: u32,
    end: u32,
    // One more than the number of its word; `None` outside any word.
    word: Option<NonZeroU32>,
}

impl EncodedQuestion {
    pub(crate) fn new(tokenizer: &Tokenizer, question: &Question) -> Result<Self, BackendError> {
        let encoding = guard::no_panic_on_text(|| {
            tokenizer.encode_char_offsets((question.question(), question.context()), true)
        })?;
        let sequences = encoding.get_sequence_ids();
        let count = |sequence| {
            sequences
                .iter()
                .filter(|&&found| found == Some(sequence))
                .count()
        };
        // A context of white space alone has no tokens and so no place; any place will do for its empty window.
        let start = sequences
            .iter()
            .position(|&sequence| sequence == Some(1))
            .unwrap_or(sequences.len());
        let context = start..start + count(1);
        Ok(Self {
            before: surrounding(&encoding, 0..start),
            after: surrounding(&encoding, context.end..encoding.len()),
            context_type_id: encoding.get_type_ids()[context.clone()]
                .first()
                .copied()
                .unwrap_or_default(),
            context: context_tokens(&encoding, context)?,
            question_tokens: count(0),
        })
    }

    pub(crate) fn token_counts(&self) -> TokenCounts {
        TokenCounts {
            question: self.question_tokens,
            context: self.context.len(),
            special: self.before.len() + self.after.len() - self.question_tokens,
        }
    }

    /// What `window`, a range of the context's tokens, puts before a model.
    pub(crate) fn window(&self, window: &Range<usize>) -> Window<'_> {
        Window {
            encoded: self,
            context: &self.context[window.clone()],
        }
    }
}

fn surrounding(encoding: &Encoding, range: Range<usize>) -> Vec<SurroundingToken> {
    let ids = encoding.get_ids()[range.clone()].iter();
    let tokens = ids.zip(&encoding.get_type_ids()[range]);
    tokens
        .map(|(&id, &type_id)| SurroundingToken { id, type_id })
        .collect()
}

fn context_tokens(
    encoding: &Encoding,
    range: Range<usize>,
) -> Result<Vec<ContextToken>, BackendError> {
    let tokens = range.map(|index| {
        let (start, end) = encoding.get_offsets()[index];
        Ok(ContextToken {
            id: encoding.get_ids()[index],
            start: u32::try_from(start)?,
            end: u32::try_from(end)?,
            word: encoding.get_word_ids()[index]
                .and_then(|word| NonZeroU32::new(word.saturating_add(1))),
        })
    });
    tokens.collect()
}

/// What a model reads at once: everything of an [`EncodedQuestion`] but the context outside the window.
#[derive(Debug, Clone)]
pub(crate) struct Window<'a> {
    encoded: &'a EncodedQuestion,
    context: &'a [ContextToken],
}

impl Window<'_> {
    /// Where the context lies in what the model reads.
    pub(crate) fn context(&self) -> Range<usize> {
        let start = self.encoded.before.len();
        start..start + self.context.len()
    }

    /// Where a token stands outside the context.
    pub(crate) fn positions_of(&self, id: Option<u32>) -> Vec<usize> {
        let before = self.encoded.before.iter().enumerate();
        let after = (self.context().end..).zip(&self.encoded.after);
        let found = before
            .chain(after)
            .filter(|(_, token)| Some(token.id) == id);
        found.map(|(position, _)| position).collect()
    }

    /// Appends the window to `batch` as its next sequence.
    pub(crate) fn append_to(&self, batch: &mut Batch) {
        if batch.cumulative_lengths.is_empty() {
            batch.cumulative_lengths.push(0);
        }
        let EncodedQuestion { before, after, .. } = self.encoded;
        push(before, batch);
        let ids = self.context.iter().map(|token| token.id);
        batch.input_ids.extend(ids);
        batch
            .token_type_ids
            .resize(batch.input_ids.len(), self.encoded.context_type_id);
        push(after, batch);
        batch.cumulative_lengths.push(batch.input_ids.len());
    }

    /// The code points of the context from the window's context token `start` to its token `end`.
    pub(crate) fn characters(&self, start: usize, end: usize) -> Range<usize> {
        self.context[start].start as usize..self.context[end].end as usize
    }

    /// As [`Window::characters`], grown to whole words as far as the window shows them.
    ///
    /// A token outside any word leaves both ends as they are.
    pub(crate) fn word_characters(&self, start: usize, end: usize) -> Range<usize> {
        let (first_word, last_word) = (self.context[start].word, self.context[end].word);
        if first_word.is_none() || last_word.is_none() {
            return self.characters(start, end);
        }
        let first = self.context[..start]
            .iter()
            .rposition(|token| token.word != first_word)
            .map_or(0, |before| before + 1);
        let last = self.context[end..]
            .iter()
            .position(|token| token.word != last_word)
            .map_or(self.context.len(), |after| end + after)
            - 1;
        self.characters(first, last)
    }
}

fn push(tokens: &[SurroundingToken], batch: &mut Batch) {
    batch.input_ids.extend(tokens.iter().map(|token| token.id));
    let type_ids = tokens.iter().map(|token| token.type_id);
    batch.token_type_ids.extend(type_ids);
}
