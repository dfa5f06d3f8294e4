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
    // Tokens of the context, by their positions, that have other code points where a window starts with them.
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
    // Its code points in the context.
    start: u32,
    end: u32,
    // One more than the number of its word; `None` outside any word.
    word: Option<NonZeroU32>,
}

/// Sign for a space in the tokens of tokenizers that work on bytes.
const SPACE: char = 'Ġ';

/// What `tokenizer` makes of `question` and its context.
pub(crate) fn encode(tokenizer: &Tokenizer, question: &Question) -> Result<Encoding, BackendError> {
    guard::no_panic_on_text(|| {
        tokenizer.encode_char_offsets((question.question(), question.context()), true)
    })
}

/// The most tokens of a context: what the windows that are read hold at the usual stride. While a tokenizer works on a text,
/// it takes about 600 bytes for each of its tokens.
pub(crate) const MOST_CONTEXT_TOKENS: usize = 262_144;

/// Bytes of a long context whose tokens are counted together.
const SECTION_BYTES: usize = 32 * 1024;

/// `true` if `context` has more than [`MOST_CONTEXT_TOKENS`], give or take one for every [`SECTION_BYTES`]. Takes little memory
/// however long it is: it is counted section by section, each cut behind a white space where there is any.
pub(crate) fn is_too_long(tokenizer: &Tokenizer, context: &str) -> Result<bool, BackendError> {
    // No tokenizer makes more tokens than there are bytes.
    if context.len() <= MOST_CONTEXT_TOKENS {
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
        if tokens > MOST_CONTEXT_TOKENS {
            return Ok(true);
        }
        rest = after;
    }
    Ok(false)
}

impl EncodedQuestion {
    /// With the segment of each token only where `token_types` says that the model gets it.
    pub(crate) fn new(encoding: &Encoding, token_types: bool) -> Result<Self, BackendError> {
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

    /// Gives the token at the start of each window back the space before its word, which the tokenizer took off its code points.
    ///
    /// Tokenizers that add a space before the first word leave the first token of a sequence as it is, and the reference cuts a
    /// context into windows before it looks which token is the first.
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

    /// A token whose number is not below `vocab_size`, if there is one.
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

    /// What `window`, a range of the context's tokens, puts before a model.
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

/// What a model reads at once: everything of an [`EncodedQuestion`] but the context outside the window.
#[derive(Debug, Clone)]
pub(crate) struct Window<'a> {
    encoded: &'a EncodedQuestion,
    context: &'a [ContextToken],
    // The code points of the first token of the context, where they are other ones than in the middle of a window.
    first: Option<Range<u32>>,
}

impl Window<'_> {
    /// Tokens of the whole window.
    pub(crate) fn tokens(&self) -> usize {
        self.encoded.before.len() + self.context.len() + self.encoded.after.len()
    }

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
        let place = |token: usize| match &self.first {
            Some(first) if token == 0 => first.clone(),
            _ => self.context[token].start..self.context[token].end,
        };
        place(start).start as usize..place(end).end as usize
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
