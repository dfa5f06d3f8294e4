//! Questions and contexts as tokens.

use std::num::NonZeroU32;
use std::ops::Range;

use tokenizers::{Encoding, Tokenizer};

use crate::backend::{BackendError, Batch};
use crate::guard;
use crate::question::Question;
use crate::window::TokenCounts;

/// Tokens of a question and its whole context, with the special tokens around them.
///
/// Questions can wait in a queue for a long time. Therefore a token of the context takes only 16 bytes. In the encoding of the
/// tokenizer it takes about 90 bytes.
#[derive(Debug)]
pub(crate) struct EncodedQuestion {
    // Tokens before and after the context: the question and the special tokens.
    before: Vec<SurroundingToken>,
    after: Vec<SurroundingToken>,
    context: Vec<ContextToken>,
    // Segment of the tokens of the context.
    context_type_id: u32,
    question_tokens: usize,
    // Index and code points of tokens that have other code points if they are the first token of a window.
    window_starts: Vec<(usize, Range<u32>)>,
}

#[derive(Debug, Clone, Copy)]
struct SurroundingToken {
    id: u32,
    type_id: u32,
}

#[derive(Debug, Clone, Copy)]
struct ContextToken {
    id: u32,
    // Code points of the token in the context.
    start: u32,
    end: u32,
    // Index of the word plus 1; `None` for a token outside words.
    word: Option<NonZeroU32>,
}

/// Character for a space in the tokens of byte-level tokenizers.
const SPACE: char = 'Ġ';

/// Encoding of a question and its context.
pub(crate) fn encode(tokenizer: &Tokenizer, question: &Question) -> Result<Encoding, BackendError> {
    guard::no_panic_on_text(|| {
        tokenizer.encode_char_offsets((question.question(), question.context()), true)
    })
}

/// Maximum number of tokens in a context: the number that fits into the maximum number of windows at the default stride. During
/// tokenization, a tokenizer uses about 600 bytes of memory for each token.
pub(crate) const MAX_CONTEXT_TOKENS: usize = 262_144;

/// Size of the sections of a long context whose tokens are counted separately, in bytes.
const SECTION_BYTES: usize = 32 * 1024;

/// `true` if `context` has more than [`MAX_CONTEXT_TOKENS`]. The count can be wrong by one token for each [`SECTION_BYTES`].
/// The memory does not grow with the context, because the sections are counted separately. A section ends after white space if
/// possible.
///
/// # Errors
/// The error of the tokenizer.
pub(crate) fn is_too_long(tokenizer: &Tokenizer, context: &str) -> Result<bool, BackendError> {
    // A text has at most one token for each byte.
    if context.len() <= MAX_CONTEXT_TOKENS {
        return Ok(false);
    }
    let (mut tokens, mut rest) = (0, context);
    while !rest.is_empty() {
        let most = rest.floor_char_boundary(SECTION_BYTES);
        let last_space = rest[..most].rfind(char::is_whitespace);
        let cut = last_space.filter(|&space| space > 0).unwrap_or(most);
        let (section, after) = rest.split_at(cut);
        let encoding = guard::no_panic_on_text(|| tokenizer.encode_fast(section, false))?;
        tokens += encoding.len();
        if tokens > MAX_CONTEXT_TOKENS {
            return Ok(true);
        }
        rest = after;
    }
    Ok(false)
}

impl EncodedQuestion {
    /// Tokens of `encoding`. The segment of every token is 0 if the model takes no segments (`token_types` is `false`).
    ///
    /// # Errors
    /// Text offsets of more than 32 bits.
    pub(crate) fn new(encoding: &Encoding, token_types: bool) -> Result<Self, BackendError> {
        let sequences = encoding.get_sequence_ids();
        let count = |sequence| {
            sequences
                .iter()
                .filter(|&&found| found == Some(sequence))
                .count()
        };
        // A context of only white space has no tokens. The position of its empty window does not matter.
        let start = sequences
            .iter()
            .position(|&sequence| sequence == Some(1))
            .unwrap_or(sequences.len());
        let context = start..start + count(1);
        let mut encoded = Self {
            before: surrounding(encoding, 0..start),
            after: surrounding(encoding, context.end..encoding.len()),
            context_type_id: encoding.get_type_ids()[context.clone()]
                .first()
                .copied()
                .unwrap_or_default(),
            context: context_tokens(encoding, context)?,
            question_tokens: count(0),
            window_starts: Vec::new(),
        };
        if !token_types {
            encoded.context_type_id = 0;
            let surrounding = encoded.before.iter_mut().chain(&mut encoded.after);
            surrounding.for_each(|token| token.type_id = 0);
        }
        Ok(encoded)
    }

    /// Restores the space before the word of the first token of each window. The tokenizer removed that space from the code points
    /// of the token.
    ///
    /// Tokenizers that add a space before the first word do not remove the space of the first token of a sequence. The reference
    /// cuts a context into windows first, so that the first token of every window keeps its space.
    pub(crate) fn keep_first_spaces(&mut self, encoding: &Encoding, windows: &[Range<usize>]) {
        for start in windows
            .iter()
            .map(|window| window.start)
            .filter(|&start| start > 0)
        {
            let Some(token) = self.context.get(start) else {
                continue;
            };
            let text = &encoding.get_tokens()[self.before.len() + start];
            let is_space = |character: &char| *character == SPACE || character.is_whitespace();
            if text.chars().take_while(is_space).count() == 1 && token.start > 0 {
                let first = token.start - 1;
                let end = if text.chars().all(|character| is_space(&character)) {
                    first
                } else {
                    token.end
                };
                self.window_starts.push((start, first..end));
            }
        }
    }

    /// First token with an id that is not below `vocab_size`.
    pub(crate) fn token_beyond(&self, vocab_size: usize) -> Option<u32> {
        let surrounding = self.before.iter().chain(&self.after).map(|token| token.id);
        let mut ids = surrounding.chain(self.context.iter().map(|token| token.id));
        ids.find(|id| *id as usize >= vocab_size)
    }

    pub(crate) fn token_counts(&self) -> TokenCounts {
        TokenCounts {
            question: self.question_tokens,
            context: self.context.len(),
            special: self.before.len() + self.after.len() - self.question_tokens,
        }
    }

    /// The window with the tokens in `window`, a range of tokens of the context.
    pub(crate) fn window(&self, window: &Range<usize>) -> Window<'_> {
        let found = self.window_starts.iter();
        let first = found
            .filter(|(start, _)| *start == window.start)
            .map(|(_, characters)| characters.clone())
            .next();
        Window {
            encoded: self,
            context: &self.context[window.clone()],
            first,
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

/// One sequence for the model: the question, the special tokens and a part of the context.
#[derive(Debug, Clone)]
pub(crate) struct Window<'a> {
    encoded: &'a EncodedQuestion,
    context: &'a [ContextToken],
    // Code points of the first token, if they differ from those in the middle of a window.
    first: Option<Range<u32>>,
}

impl Window<'_> {
    /// Number of tokens in the window.
    pub(crate) fn tokens(&self) -> usize {
        self.encoded.before.len() + self.context.len() + self.encoded.after.len()
    }

    /// Range of the context's tokens in the window.
    pub(crate) fn context(&self) -> Range<usize> {
        let start = self.encoded.before.len();
        start..start + self.context.len()
    }

    /// Positions of the token `id` outside the context.
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

    /// Code points from the token `start` to the token `end` of the window's context.
    pub(crate) fn characters(&self, start: usize, end: usize) -> Range<usize> {
        let place = |token: usize| match &self.first {
            Some(first) if token == 0 => first.clone(),
            _ => self.context[token].start..self.context[token].end,
        };
        place(start).start as usize..place(end).end as usize
    }

    /// Code points as in [`Window::characters`], extended to whole words within the window.
    ///
    /// The range is not extended if `start` or `end` is outside words.
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
