//! A question on its way to the model and back: tokens and windows first, then logits, then answers.

use std::ops::Range;

use crate::answer::{Answer, AnswerSpan};
use crate::backend::{Batch, Logits};
use crate::decode::{Decoder, candidates};
use crate::encoding::{EncodedQuestion, Window};
use crate::error::AnswerError;
use crate::question::{Options, Question};
use crate::span::Probabilities;

/// A question as the windows that a model reads.
///
/// Windows are independent of one another: they can go to the model in any order and in batches with other questions'.
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

    /// How many windows the context takes: at least one.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// What the model reads in `window`, in tokens.
    ///
    /// # Panics
    /// For a window that does not exist.
    pub fn tokens(&self, window: usize) -> usize {
        let tokens = self.encoded.token_counts();
        tokens.question + tokens.special + self.windows[window].len()
    }

    /// Most spans of all windows that [`Prepared::decode`] looks at; each takes about 100 bytes meanwhile.
    pub fn candidates(&self) -> usize {
        let wanted = candidates(&self.options);
        let windows = 0..self.windows();
        let of_each = windows.map(|window| wanted.min(self.tokens(window).pow(2)));
        of_each.sum()
    }

    /// The error of a caller that does not want to look at so many [`Prepared::candidates`].
    pub fn too_many_answers(&self) -> AnswerError {
        AnswerError::TooManyAnswers {
            top_k: self.options.top_k.get(),
            windows: self.windows(),
        }
    }

    /// Appends `window` to `batch` as its next sequence.
    ///
    /// # Panics
    /// For a window that does not exist.
    pub fn append_to(&self, batch: &mut Batch, window: usize) {
        self.window(window).append_to(batch);
    }

    /// The answers that follow from the logits of every window, in the order of the windows: best first, at most
    /// `top_k`.
    ///
    /// # Panics
    /// When there are not as many logits as windows, or tokens in a window.
    pub fn decode(&self, logits: &[Logits]) -> Vec<Answer> {
        let context = self.question.context();
        let spans = self.decode_spans(logits).into_iter();
        spans.map(|span| span.with_text(context)).collect()
    }

    /// As [`Prepared::decode`], but the texts stay in the context: a thousand answers of a long context may be many times its
    /// length.
    ///
    /// # Panics
    /// As [`Prepared::decode`].
    pub fn decode_spans(&self, logits: &[Logits]) -> Vec<AnswerSpan> {
        assert_eq!(logits.len(), self.windows(), "one set of logits a window");
        let mut decoder = Decoder::new(self.question.context(), &self.options);
        for (index, logits) in logits.iter().enumerate() {
            let window = self.window(index);
            // A question can hold the class token as well, when somebody spells it out.
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
