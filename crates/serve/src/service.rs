//! Shared state of the handlers, and the steps that they have in common.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::{
    body::Bytes,
    extract::Request,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use bakeoff_qa::{AnswerError, AnswerSpan, Compat};
use tokio_util::sync::CancellationToken;

use crate::{
    body,
    compression::Compression,
    config::{Limits, ServeConfig},
    edge::{Counted, Deadline},
    engine::{AnswerSize, Engine, Item, ItemError, TextWorkError, Timing},
    memory::{Buffer, Memory},
    metrics::Metrics,
    refusal::Refusal,
    wire::{
        answers::{Failed, Results, Span},
        asked::{Asked, Unanswerable},
        problem::Problem,
    },
};

/// Shared state of the handlers.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) engine: Engine,
    /// Memory budget of bodies until they are parsed.
    pub(crate) body_memory: Memory,
    pub(crate) readiness: Arc<Readiness>,
    pub(crate) config: Arc<ServeConfig>,
    pub(crate) metrics: Arc<Metrics>,
}

/// Readiness of the server.
#[derive(Debug)]
pub(crate) struct Readiness {
    warm: AtomicBool,
    shutdown: CancellationToken,
}

impl Readiness {
    /// Readiness that begins with [`Readiness::warmed_up`] and ends with `shutdown`.
    pub(crate) fn new(shutdown: CancellationToken) -> Self {
        Self {
            warm: AtomicBool::new(false),
            shutdown,
        }
    }

    pub(crate) fn warmed_up(&self) {
        self.warm.store(true, Ordering::Release);
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.shutdown.is_cancelled() {
            return Err(Refusal::Unavailable("the server is shutting down"));
        }
        if !self.warm.load(Ordering::Acquire) {
            return Err(Refusal::Unavailable("the model is warming up"));
        }
        Ok(())
    }
}

/// Maximum length of bodies and responses that are parsed and written on the current thread, in bytes. For longer ones another thread
/// is worth its cost.
const SHORT_BYTES: usize = 8 * 1024;

/// Request with its whole body.
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) deadline: Deadline,
}

/// Reader of a body in the format of an API.
pub(crate) type ReadBody = fn(&[u8], &Limits, Compat) -> Result<Asked, Vec<Problem>>;

/// Results of the questions of a request, in order.
pub(crate) struct Outcomes {
    pub(crate) items: Vec<Result<Vec<AnswerSpan>, Failed>>,
    pub(crate) timing: Timing,
    pub(crate) answer_size: Option<AnswerSize>,
}

impl Service {
    /// Reads and decompresses the body of a request.
    ///
    /// # Errors
    /// [`Refusal`] of the body.
    pub(crate) async fn read(&self, request: Request) -> Result<Received, Refusal> {
        let (head, body) = request.into_parts();
        let deadline = head.extensions.get().copied();
        let limit = self.config.limits.max_body_bytes;
        let compression = match Compression::of(&head.headers) {
            Ok(compression) => compression,
            Err(refusal) => {
                body::discard_for(&head.headers, body, limit).await;
                return Err(refusal);
            }
        };
        let memory = &self.body_memory;
        let mut body = body::read(&head.headers, body, limit, memory).await?;
        if let Some(compression) = compression {
            // Compressed text usually has at least an eighth of its size.
            let expected = body.len().saturating_mul(8).min(limit);
            let memory = memory.clone();
            let decode = move || compression.decode(&body, limit, &memory);
            let decoded = self.engine.text_work.run(expected, decode).await;
            body = decoded.map_err(Refusal::from)??;
        }
        Ok(Received {
            headers: head.headers,
            body,
            // The layer that sets the deadline is missing in some tests.
            deadline: deadline
                .unwrap_or_else(|| Deadline(Instant::now() + self.config.limits.timeout)),
        })
    }

    /// Result of `read` on a body. The body is dropped then, because questions can wait in the queue for a long time.
    ///
    /// # Errors
    /// [`Refusal::Invalid`], [`Refusal::Bug`] and [`Refusal::Unavailable`].
    pub(crate) async fn parse<T: Send + 'static>(
        &self,
        body: Bytes,
        read: impl FnOnce(&[u8], &Limits, Compat) -> Result<T, Vec<Problem>> + Send + 'static,
    ) -> Result<T, Refusal> {
        let (bytes, config) = (body.len(), Arc::clone(&self.config));
        let parse = move || read(&body, &config.limits, config.compat);
        let parsed = if bytes <= SHORT_BYTES {
            parse()
        } else {
            self.engine.text_work.run(bytes, parse).await?
        };
        parsed.map_err(Refusal::Invalid)
    }

    /// Answers to all questions of a request. A question that cannot be answered fails alone. If it is the only question, the
    /// request fails.
    ///
    /// # Errors
    /// [`Refusal`] of the request.
    pub(crate) async fn answer(
        &self,
        asked: &Asked,
        deadline: Deadline,
    ) -> Result<Outcomes, Refusal> {
        let items: Vec<Item> = asked
            .items
            .iter()
            .flatten()
            .map(|question| Item {
                question: question.clone(),
                options: asked.parameters.options.clone(),
            })
            .collect();
        let mut timing = Timing::default();
        let mut answer_size = None;
        let mut answered = Vec::new();
        if !items.is_empty() {
            let all = self.engine.answer(items, deadline.0).await?;
            timing = all.timing;
            answer_size = Some(all.answer_size);
            answered = all.items;
        }
        let mut answered = answered.into_iter();
        let only = asked.items.len() == 1;
        let mut items = Vec::with_capacity(asked.items.len());
        for (index, item) in asked.items.iter().enumerate() {
            let outcome = match item {
                Ok(_) => answered.next().ok_or(Refusal::Bug)?.map_err(Failure::from),
                Err(unanswerable) => Err(Failure::Unanswerable(unanswerable.clone())),
            };
            items.push(match outcome {
                Err(failure) if only => return Err(failure.refusal(asked)),
                outcome => outcome.map_err(|failure| failure.at(index)),
            });
        }
        Ok(Outcomes {
            items,
            timing,
            answer_size,
        })
    }

    /// Writes the response with `write`, on another thread if it is long.
    ///
    /// # Errors
    /// [`Refusal::AnswerTooLarge`], [`Refusal::NoMemory`], [`Refusal::Bug`] and [`Refusal::Unavailable`].
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        asked: Arc<Asked>,
        outcomes: Outcomes,
        write: impl FnOnce(Vec<Result<Vec<Span<'_>>, Failed>>, &mut Buffer) -> io::Result<T>
        + Send
        + 'static,
    ) -> Result<(T, Bytes), Refusal> {
        let Outcomes {
            items, answer_size, ..
        } = outcomes;
        let limit = self.config.limits.max_answer_bytes;
        let mut out = Buffer::new(limit, &self.engine.answer_memory);
        let mut bytes = answer_size
            .as_ref()
            .map_or(0, |answer_size| answer_size.bytes);
        bytes += items.len() * BYTES_PER_OUTCOME;
        bytes += asked.bytes_to_count();
        let work = move || {
            let spans = spans(&asked, &items);
            let written = write(spans, &mut out);
            // The buffer has the texts now. Their part of the memory budget is returned here.
            drop((items, answer_size));
            match (written, out.full()) {
                (Ok(written), _) => Ok((written, out.into_bytes())),
                (Err(_), Some(full)) => Err(full.of_answer(limit)),
                (Err(error), None) => {
                    tracing::error!(%error, "cannot write an answer");
                    Err(Refusal::Bug)
                }
            }
        };
        if bytes <= SHORT_BYTES {
            work()
        } else {
            self.engine.text_work.run(bytes, work).await?
        }
    }

    /// Answers to the questions that `read` finds in `body`, as the JSON of the pipeline.
    pub(crate) async fn answer_body(
        &self,
        body: Bytes,
        read: ReadBody,
        deadline: Deadline,
    ) -> Result<Response, Refusal> {
        let asked = self.parse(body, read).await?;
        let outcomes = self.answer(&asked, deadline).await?;
        let timing = outcomes.timing;
        let write = |mut items: Vec<Result<Vec<Span<'_>>, Failed>>, out: &mut Buffer| {
            let results = match items.pop() {
                Some(Ok(spans)) if items.is_empty() => Results::of_one(spans),
                last => Results::of_several(items.into_iter().chain(last).collect()),
            };
            Ok(serde_json::to_writer(out, &results)?)
        };
        let ((), body) = self.write(Arc::new(asked), outcomes, write).await?;
        let json = [(header::CONTENT_TYPE, "application/json")];
        let mut response = (json, body).into_response();
        response.extensions_mut().insert(timing);
        response.extensions_mut().insert(Counted);
        Ok(response)
    }
}

/// Approximate size of a question in a response without its answers, in bytes.
const BYTES_PER_OUTCOME: usize = 16;

/// Answers with references to their texts in the contexts.
fn spans<'asked>(
    asked: &'asked Asked,
    items: &[Result<Vec<AnswerSpan>, Failed>],
) -> Vec<Result<Vec<Span<'asked>>, Failed>> {
    let offsets = asked.parameters.offsets;
    let contexts = asked.items.iter().map(|item| match item {
        Ok(question) => question.context(),
        Err(_) => "",
    });
    let items = items.iter().zip(contexts);
    items
        .map(|(item, context)| match item {
            Ok(answers) => Ok(Span::all(answers, context, offsets)),
            Err(failed) => Err(failed.clone()),
        })
        .collect()
}

/// Error of one question.
enum Failure {
    /// The question cannot be answered.
    Unanswerable(Unanswerable),
    /// A bug in the server or the model, already logged.
    Bug,
}

impl Failure {
    /// Error of a request with only this question.
    fn refusal(&self, asked: &Asked) -> Refusal {
        match self {
            Self::Unanswerable(why) => Refusal::Invalid(vec![why.problem(&asked.layout)]),
            Self::Bug => Refusal::Bug,
        }
    }

    /// Error of one of several questions.
    fn at(self, index: usize) -> Failed {
        match self {
            Self::Unanswerable(why) => why.at(index),
            Self::Bug => Failed {
                error: "the model failed on this question".to_owned(),
                index,
            },
        }
    }
}

impl From<TextWorkError> for Refusal {
    fn from(error: TextWorkError) -> Self {
        match error {
            TextWorkError::Panicked => Self::Bug,
            TextWorkError::Stopped => Self::Unavailable("the server is shutting down"),
        }
    }
}

impl From<ItemError> for Failure {
    fn from(error: ItemError) -> Self {
        match error {
            // The cause can contain text of the request.
            ItemError::Answer(AnswerError::Tokenizer(_)) => {
                tracing::error!("the tokenizer failed on a valid question");
                Self::Bug
            }
            ItemError::Answer(AnswerError::Backend(source)) => {
                tracing::error!(error = %source, "the model failed on a valid question");
                Self::Bug
            }
            ItemError::Answer(error) => Self::Unanswerable(Unanswerable::from_error(&error)),
            ItemError::Panicked => {
                tracing::error!("the model panicked");
                Self::Bug
            }
        }
    }
}
