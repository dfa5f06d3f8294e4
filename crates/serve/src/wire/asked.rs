//! Parsed request, the same for all APIs.

use std::{fmt, sync::Arc};

use bakeoff_qa::{AnswerError, Question};
use serde_json::Value;

use super::{
    answers::Failed,
    offsets::Offsets,
    parameters::Parameters,
    problem::{Place, Problem},
};
use crate::config::Limits;

/// Parsed request. Questions with an invalid text have an error.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) items: Vec<Result<Question, Unanswerable>>,
    pub(crate) parameters: Parameters,
    pub(crate) layout: Layout,
}

/// Locations of the texts and parameters in a body, for problems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Location of `question` and `context`.
    pub(crate) texts: Vec<Place>,
    /// Location of the parameters.
    pub(crate) parameters: Vec<Place>,
    /// Keys whose texts are lists. The location of a problem then includes the index.
    pub(crate) lists: Vec<&'static str>,
}

/// Error of a question that cannot be answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unanswerable {
    /// Key with the problem.
    key: &'static str,
    /// Value of the key; null for a long value.
    input: Value,
    /// Text of the problem.
    message: String,
}

/// One text or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Texts {
    /// One text. A single context is the context of all questions.
    One(String),
    /// List of texts, with the same length as the other list.
    Many(Vec<String>),
}

impl Asked {
    /// Pairs questions with contexts by the rules of the pipeline: one question and one context, a list of questions and one context,
    /// or two lists of the same length.
    ///
    /// Single texts are already checked. A text in a list that is empty or exceeds a limit fails alone.
    ///
    /// # Errors
    /// The problem of texts that do not pair.
    pub(crate) fn new(
        question: Texts,
        context: Texts,
        parameters: Parameters,
        layout: Layout,
        limits: &Limits,
    ) -> Result<Self, Vec<Problem>> {
        let checked = |key, text| Unanswerable::unless_usable(key, text, limits);
        let refused = |message| vec![Problem::value(layout.texts.clone(), Value::Null, &message)];
        let pairs: Vec<Result<(String, Arc<str>), Unanswerable>> = match (question, context) {
            (Texts::One(question), Texts::One(context)) => vec![Ok((question, context.into()))],
            (Texts::Many(questions), Texts::One(context)) => {
                let context: Arc<str> = context.into();
                let pair = |question| Ok((checked("question", question)?, Arc::clone(&context)));
                questions.into_iter().map(pair).collect()
            }
            (Texts::Many(questions), Texts::Many(contexts))
                if questions.len() == contexts.len() =>
            {
                let pair = |(question, context)| {
                    Ok((
                        checked("question", question)?,
                        checked("context", context)?.into(),
                    ))
                };
                questions.into_iter().zip(contexts).map(pair).collect()
            }
            (Texts::Many(questions), Texts::Many(contexts)) => {
                return Err(refused(format!(
                    "Questions and contexts don't have the same lengths: {} and {}",
                    questions.len(),
                    contexts.len()
                )));
            }
            (Texts::One(_), Texts::Many(_)) => {
                let message =
                    "Arguments can't be understood: a list of contexts needs a list of questions";
                return Err(refused(message.to_owned()));
            }
        };
        let question = |(question, context)| {
            Question::new(question, context).map_err(|error| Unanswerable::from_error(&error))
        };
        Ok(Self {
            items: pairs
                .into_iter()
                .map(|pair| pair.and_then(question))
                .collect(),
            parameters,
            layout,
        })
    }
}

impl Asked {
    /// Length of all contexts whose offsets are converted, in bytes. A shared context counts once for each question.
    pub(crate) fn bytes_to_count(&self) -> usize {
        if self.parameters.offsets == Offsets::CodePoints {
            return 0;
        }
        let questions = self.items.iter().flatten();
        questions.map(|question| question.context().len()).sum()
    }
}

impl Unanswerable {
    /// Checks that `text` is not empty and within the limit of `key`.
    ///
    /// # Errors
    /// The problem of the text.
    pub(crate) fn unless_usable(
        key: &'static str,
        text: String,
        limits: &Limits,
    ) -> Result<String, Self> {
        let limit = match key {
            "question" => limits.max_question_chars.get(),
            _ => limits.max_context_chars.get(),
        };
        if text.is_empty() {
            return Err(Self {
                key,
                message: format!("`{key}` cannot be empty"),
                input: Value::String(text),
            });
        }
        // Counts characters only if the limit can be exceeded.
        if text.len() > limit && text.chars().nth(limit).is_some() {
            let length = text.chars().count();
            return Err(Self {
                key,
                message: format!("`{key}` has {length} characters, limit is {limit}"),
                input: Value::Null,
            });
        }
        Ok(text)
    }

    /// Error with the key that caused it.
    pub(crate) fn from_error(error: &AnswerError) -> Self {
        let (key, input) = match error {
            AnswerError::EmptyContext
            | AnswerError::TooManyWindows { .. }
            | AnswerError::ContextTooLong { .. } => ("context", Value::Null),
            AnswerError::TooManyAnswers { top_k, .. } => ("top_k", Value::from(*top_k)),
            AnswerError::StrideTooLarge { doc_stride, .. } => {
                ("doc_stride", Value::from(*doc_stride))
            }
            AnswerError::WindowTooLong { max_seq_len, .. } => {
                ("max_seq_len", Value::from(*max_seq_len))
            }
            _ => ("question", Value::Null),
        };
        Self {
            key,
            input,
            message: error.to_string(),
        }
    }

    /// Problem of a request with only this question.
    pub(crate) fn problem(&self, layout: &Layout) -> Problem {
        let text = matches!(self.key, "question" | "context");
        let mut problem = self.problem_at(if text {
            &layout.texts
        } else {
            &layout.parameters
        });
        if layout.lists.contains(&self.key) {
            problem.loc.push(Place::Position(0));
        }
        problem
    }

    /// Problem in the object at `location`.
    pub(crate) fn problem_at(&self, location: &[Place]) -> Problem {
        let loc = [location, &[Place::Key(self.key)]].concat();
        Problem::value(loc, self.input.clone(), self)
    }

    /// Error of one of several questions.
    pub(crate) fn at(self, index: usize) -> Failed {
        Failed {
            error: self.message,
            index,
        }
    }
}

impl fmt::Display for Unanswerable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
