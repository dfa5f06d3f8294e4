//! The engine: questions become windows, windows wait for inference workers, threads of their own that answer them.

mod admission;
mod pace;
mod pending;
mod queue;
mod schedule;
mod text_work;
mod timing;
mod tokenization;
mod worker;

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bakeoff_qa::{AnswerError, AnswerSpan, Options, Question, QuestionAnswering};
use tokio::{sync::mpsc, time};

use self::{pending::Pending, queue::Queue, worker::Worker};
pub(crate) use self::{
    text_work::{Lost, TextWork},
    timing::Timing,
};
use crate::{
    config::ServeConfig,
    error::ServeError,
    memory::{Full, Held, Memory},
    metrics::Metrics,
};

/// Where questions get their answers. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) queue: Arc<Queue>,
    /// For whatever else takes long with a request's text.
    pub(crate) text_work: TextWork,
    /// For answers, until the client has taken them.
    pub(crate) answer_memory: Memory,
    max_answer_bytes: usize,
    model: Arc<QuestionAnswering>,
    metrics: Arc<Metrics>,
}

/// One question of a request.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) question: Question,
    pub(crate) options: Options,
}

/// What became of the items of a request.
#[derive(Debug)]
pub(crate) struct Answered {
    /// For each item, in order.
    pub(crate) items: Vec<Result<Vec<AnswerSpan>, ItemError>>,
    pub(crate) timing: Timing,
    pub(crate) weight: Weight,
}

/// Size of the answers to a request, at least, and the room taken for them.
#[derive(Debug)]
pub(crate) struct Weight {
    pub(crate) bytes: usize,
    held: Held,
    limit: usize,
}

/// Size of an answer beside its text: about what it takes as JSON, and at least what it takes in memory.
const BYTES_PER_ANSWER: usize = 56;

/// Why one item got no answers.
#[derive(Debug)]
pub(crate) enum ItemError {
    /// The question cannot be answered, or the model failed on it.
    Answer(AnswerError),
    /// The model panicked.
    Panicked,
}

/// Why a whole request got no answers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too much waits, or did when its turn came; a retry has a chance after this time.
    Overloaded(Duration),
    /// The questions are more than a server takes at once, however little it has to do.
    TooLarge {
        /// Tokens of all questions and contexts together, beyond which a list is given up.
        limit_tokens: usize,
    },
    /// The answers are larger than a client may ask for.
    AnswerTooLarge {
        /// Their largest size.
        limit_bytes: usize,
    },
    /// The answers of others take the memory.
    NoMemory,
    /// The deadline passed.
    TimedOut,
    /// The server has stopped.
    Stopped,
}

/// The threads of an engine. Dropping them closes the queue, after which each ends with the batch it is at.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    /// One message a worker when it has warmed up; closed when all have ended.
    warm_ups: mpsc::Receiver<Result<(), ServeError>>,
}

/// Counts a request that is given up or refused, unless it is answered first.
#[derive(Debug)]
struct Unanswered<'a> {
    metrics: &'a Metrics,
    reason: Option<&'static str>,
}

impl Engine {
    /// Starts the workers; each answers warm-up questions before it takes the first batch.
    pub(crate) fn start(
        config: &ServeConfig,
        model: Arc<QuestionAnswering>,
        metrics: Arc<Metrics>,
    ) -> Result<(Self, Workers), ServeError> {
        let engine = Self {
            queue: Arc::new(Queue::new(config, Arc::clone(&metrics))),
            text_work: TextWork::new(config.threads),
            answer_memory: Memory::new(config.limits.answer_memory_bytes),
            max_answer_bytes: config.limits.max_answer_bytes,
            model,
            metrics,
        };
        let (warmed_up, warm_ups) = mpsc::channel(config.threads.get());
        let mut workers = Workers {
            queue: Arc::clone(&engine.queue),
            threads: Vec::new(),
            warm_ups,
        };
        for index in 0..config.threads.get() {
            let (worker, warmed_up) = (engine.worker(), warmed_up.clone());
            let thread = thread::Builder::new()
                .name(format!("inference-{index}"))
                .spawn(move || {
                    let warm_up = worker.warm_up();
                    let usable = warm_up.is_ok();
                    // The channel has room for every worker, and nobody listens only after a shutdown.
                    let _ = warmed_up.try_send(warm_up);
                    if usable {
                        worker.work();
                    }
                })
                .map_err(ServeError::StartWorker)?;
            workers.threads.push(thread);
        }
        Ok((engine, workers))
    }

    /// The model that answers.
    pub(crate) fn model(&self) -> &Arc<QuestionAnswering> {
        &self.model
    }

    /// The answers to all `items` of one request, unless `deadline` passes first. Dropping the future withdraws them.
    ///
    /// # Errors
    /// [`Refused`], for the request as a whole.
    pub(crate) async fn answer(
        &self,
        items: Vec<Item>,
        deadline: Instant,
    ) -> Result<Answered, Refused> {
        let mut unanswered = Unanswered {
            metrics: &self.metrics,
            reason: Some("client_gone"),
        };
        let outcome = if deadline <= Instant::now() {
            Err(Refused::TimedOut)
        } else {
            time::timeout_at(deadline.into(), self.answer_at_leisure(items, deadline))
                .await
                .unwrap_or(Err(Refused::TimedOut))
        };
        unanswered.reason = outcome.as_ref().err().map(Refused::reason);
        outcome
    }

    /// As [`Engine::answer`], but a deadline that passes only keeps what has not begun from beginning.
    async fn answer_at_leisure(
        &self,
        items: Vec<Item>,
        deadline: Instant,
    ) -> Result<Answered, Refused> {
        let arrived = Instant::now();
        let ticket = self.queue.reserve(tokenization::estimate_tokens(&items))?;
        let prepared = tokenization::prepare(items, &self.model, &self.text_work).await?;
        let tokenization = arrived.elapsed();
        let (pending, outcomes) = Pending::new(prepared, deadline, self.weight());
        ticket.enqueue(pending)?;
        let mut answered = outcomes.await.unwrap_or(Err(Refused::Stopped))?;
        answered.timing.tokenization = tokenization;
        Ok(answered)
    }

    /// Of no answers yet.
    fn weight(&self) -> Weight {
        Weight {
            bytes: 0,
            held: self.answer_memory.hold(),
            limit: self.max_answer_bytes,
        }
    }

    fn worker(&self) -> Worker {
        Worker {
            queue: Arc::clone(&self.queue),
            model: Arc::clone(&self.model),
            metrics: Arc::clone(&self.metrics),
        }
    }
}

impl Weight {
    /// Takes room for the answers to a question, before their texts are copied anywhere.
    fn add(&mut self, answers: &[AnswerSpan]) -> Result<(), Refused> {
        let texts = answers.iter().map(|answer| answer.bytes.len());
        let more = texts.sum::<usize>() + answers.len() * BYTES_PER_ANSWER;
        self.bytes = self.bytes.saturating_add(more);
        if self.bytes > self.limit {
            return Err(Refused::AnswerTooLarge {
                limit_bytes: self.limit,
            });
        }
        self.held
            .grow_to(self.bytes)
            .map_err(|_: Full| Refused::NoMemory)
    }
}

impl Refused {
    /// As the metrics have it.
    fn reason(&self) -> &'static str {
        match self {
            Self::Overloaded(_) => "overloaded",
            Self::TooLarge { .. } | Self::AnswerTooLarge { .. } => "too_large",
            Self::NoMemory => "no_memory",
            Self::TimedOut => "timeout",
            Self::Stopped => "shutdown",
        }
    }
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if let Some(reason) = self.reason {
            self.metrics.dropped(reason);
        }
    }
}

impl Workers {
    /// Waits until every worker has warmed up.
    pub(crate) async fn warmed_up(&mut self) -> Result<(), ServeError> {
        for _ in 0..self.threads.len() {
            self.warm_ups
                .recv()
                .await
                .unwrap_or(Err(ServeError::WarmUpPanicked))?;
        }
        Ok(())
    }

    /// Closes the queue and waits until every worker has ended.
    pub(crate) async fn stop(&mut self) {
        self.queue.close();
        while self.warm_ups.recv().await.is_some() {}
        for thread in self.threads.drain(..) {
            // Each has let go of its end of the channel, the last thing it does; panics are caught inside.
            let _ = thread.join();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queue.close();
    }
}

#[cfg(test)]
mod tests;
