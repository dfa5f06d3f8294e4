//! What a request asks, whichever API it came through.

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

/// What a request asks: questions, some of which may turn out to be unanswerable already.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    pub(crate) items: Vec<Result<Question, Unanswerable>>,
    pub(crate) parameters: Parameters,
    pub(crate) layout: Layout,
}

/// Where in a body things are, so that problems can point there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The way to `question` and `context`.
    pub(crate) texts: Vec<Place>,
    /// The way to the parameters.
    pub(crate) parameters: Vec<Place>,
    /// The texts that were sent as lists, so that a place in it belongs to the way.
    pub(crate) lists: Vec<&'static str>,
}

/// Why a question of the right type has no answers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unanswerable {
    /// The key to blame.
    key: &'static str,
    /// What was sent there, unless it is long.
    input: Value,
    /// What is wrong with it.
    message: String,
}

/// One text or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Texts {
    /// Applies to all the others, if that is a context.
    One(String),
    /// As many as the others.
    Many(Vec<String>),
}

impl Asked {
    /// Pairs questions with contexts by the pipeline's rules: two single ones, a list of questions about one context, or
    /// two lists of the same length.
    ///
    /// Single texts are taken as checked already; texts in lists that break a limit or are empty fail alone.
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
    /// The length of all contexts in which offsets are to be counted, however often they are shared.
    pub(crate) fn bytes_to_count(&self) -> usize {
        if self.parameters.offsets == Offsets::CodePoints {
            return 0;
        }
        let questions = self.items.iter().flatten();
        questions.map(|question| question.context().len()).sum()
    }
}

impl Unanswerable {
    /// `text` again, unless it is empty or longer than the limit for `key`.
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
        // Counting is only worth it where the limit may be broken at all.
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

    /// What stands behind an error that is the question's own fault.
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

    /// For a request that asks nothing else.
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

    /// For the object at the end of `way`.
    pub(crate) fn problem_at(&self, way: &[Place]) -> Problem {
        let loc = [way, &[Place::Key(self.key)]].concat();
        Problem::value(loc, self.input.clone(), self)
    }

    /// For one of several questions.
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
