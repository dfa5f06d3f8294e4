//! Tokenized questions: windows for the model, and the answers from its logits.

use std::ops::Range;

use crate::answer::{Answer, AnswerSpan};
use crate::backend::{Batch, Logits};
use crate::decode::{Decoder, candidates};
use crate::encoding::{EncodedQuestion, Window};
use crate::error::AnswerError;
use crate::question::{Options, Question};
use crate::span::Probabilities;

/// Tokenized question with its windows.
///
/// Windows are independent. The model can read them in any order, and in batches with windows of other questions.
#[derive(Debug)]
pub struct Prepared {
    question: Question,
    options: Options,
    encoded: EncodedQuestion,
    windows: Vec<Range<usize>>,
    class_token_id: Option<u32>,
}

impl Prepared {
    pub(crate) fn new(
        question: Question,
        options: Options,
        encoded: EncodedQuestion,
        windows: Vec<Range<usize>>,
        class_token_id: Option<u32>,
    ) -> Self {
        Self {
            question,
            options,
            encoded,
            windows,
            class_token_id,
        }
    }

    /// Number of windows of the context, at least 1.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// Number of tokens in `window`, including the question and special tokens.
    ///
    /// # Panics
    /// A window that does not exist.
    pub fn tokens(&self, window: usize) -> usize {
        let tokens = self.encoded.token_counts();
        tokens.question + tokens.special + self.windows[window].len()
    }

    /// Maximum number of spans that [`Prepared::decode`] keeps in memory. Each span takes about 100 bytes.
    pub fn candidates(&self) -> usize {
        let wanted = candidates(&self.options);
        let windows = 0..self.windows();
        let of_each = windows.map(|window| wanted.min(self.tokens(window).pow(2)));
        of_each.sum()
    }

    /// Error for a caller that limits the number of [`Prepared::candidates`].
    pub fn too_many_answers(&self) -> AnswerError {
        AnswerError::TooManyAnswers {
            top_k: self.options.top_k.get(),
            windows: self.windows(),
        }
    }

    /// Appends `window` to `batch` as its next sequence.
    ///
    /// # Panics
    /// A window that does not exist.
    pub fn append_to(&self, batch: &mut Batch, window: usize) {
        self.window(window).append_to(batch);
    }

    /// Answers from the logits of all windows, best first, at most `top_k`. `logits` has the order of the windows.
    ///
    /// # Panics
    /// `logits` with another number of windows, or of tokens in a window.
    pub fn decode(&self, logits: &[Logits]) -> Vec<Answer> {
        let context = self.question.context();
        let spans = self.decode_spans(logits).into_iter();
        spans.map(|span| span.with_text(context)).collect()
    }

    /// Answers as in [`Prepared::decode`], without their texts. The texts of a thousand answers can be many times longer than the
    /// context.
    ///
    /// # Panics
    /// See [`Prepared::decode`].
    pub fn decode_spans(&self, logits: &[Logits]) -> Vec<AnswerSpan> {
        assert_eq!(
            logits.len(),
            self.windows(),
            "one set of logits for each window"
        );
        let mut decoder = Decoder::new(self.question.context(), &self.options);
        for (index, logits) in logits.iter().enumerate() {
            let window = self.window(index);
            // A question can contain the class token too.
            let class = window.positions_of(self.class_token_id);
            let probabilities =
                Probabilities::new(&logits.start, &logits.end, &window.context(), &class);
            decoder.add(&window, &probabilities);
        }
        decoder.finish()
    }

    fn window(&self, index: usize) -> Window<'_> {
        self.encoded.window(&self.windows[index])
    }
}
