//! Engine: tokenizes questions into windows, queues the windows, and runs them on inference workers. Each worker is a thread.

mod admission;
mod pending;
mod queue;
pub(crate) mod refused;
mod schedule;
mod text_work;
mod throughput;
pub(crate) mod timing;
mod tokenization;
mod worker;

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use bakeoff_qa::{AnswerError, AnswerSpan, Options, Question, QuestionAnswering};
use tokio::{sync::mpsc, time};

use self::{pending::Pending, queue::Queue, worker::Worker};
pub(crate) use self::{
    refused::Refused,
    text_work::{TextWork, TextWorkError},
    timing::Timing,
};
use crate::{
    config::ServeConfig,
    error::ServeError,
    memory::{Full, Held, Memory},
    metrics::Metrics,
};

/// Engine that answers questions. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) queue: Arc<Queue>,
    /// Threads for other slow work on the text of requests.
    pub(crate) text_work: TextWork,
    /// Memory budget of responses until they are sent.
    pub(crate) answer_memory: Memory,
    max_answer_bytes: usize,
    model: Arc<QuestionAnswering>,
    metrics: Arc<Metrics>,
}

/// Question of a request, with its options.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) question: Question,
    pub(crate) options: Options,
}

/// Results of a request.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Answers or error of each item, in order.
    pub(crate) items: Vec<Result<Vec<AnswerSpan>, ItemError>>,
    pub(crate) timing: Timing,
    pub(crate) answer_size: AnswerSize,
}

/// Minimum size of the answers to a request, and its part of the memory budget.
#[derive(Debug)]
pub(crate) struct AnswerSize {
    pub(crate) bytes: usize,
    held: Held,
    limit: usize,
}

/// Size of an answer without its text, in bytes: about its size as JSON, and at least its size in memory.
const BYTES_PER_ANSWER: usize = 56;

/// Error of one item.
#[derive(Debug)]
pub(crate) enum ItemError {
    /// The question cannot be answered, or the model failed.
    Answer(AnswerError),
    /// The model panicked.
    Panicked,
}

/// Worker threads of an engine. Dropping the value closes the queue. Each worker then ends after its current batch.
#[derive(Debug)]
pub(crate) struct Workers {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
    /// One message from each worker after its warm-up. The channel closes when all workers have ended.
    warm_ups: mpsc::Receiver<Result<(), ServeError>>,
}

/// Counter of a request without answers. It counts when it is dropped, with a `reason`.
#[derive(Debug)]
struct Unanswered<'a> {
    metrics: &'a Metrics,
    reason: Option<&'static str>,
}

impl Engine {
    /// Starts the workers. Each worker answers the warm-up question before its first batch.
    ///
    /// # Errors
    /// [`ServeError::StartWorker`].
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
                    // The channel has room for every worker. The receiver is gone only after a shutdown.
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

    /// The model.
    pub(crate) fn model(&self) -> &Arc<QuestionAnswering> {
        &self.model
    }

    /// Answers to all `items` of a request. Dropping the future removes them from the queue.
    ///
    /// # Errors
    /// [`Refused`], for the whole request.
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
            time::timeout_at(
                deadline.into(),
                self.answer_without_timeout(items, deadline),
            )
            .await
            .unwrap_or(Err(Refused::TimedOut))
        };
        unanswered.reason = outcome.as_ref().err().map(Refused::reason);
        outcome
    }

    /// Answers as in [`Engine::answer`], without a timeout. The queue drops windows whose deadline has passed.
    async fn answer_without_timeout(
        &self,
        items: Vec<Item>,
        deadline: Instant,
    ) -> Result<Answered, Refused> {
        let arrived = Instant::now();
        let ticket = self.queue.reserve(tokenization::estimate_tokens(&items))?;
        let prepared = tokenization::prepare(items, &self.model, &self.text_work).await?;
        let tokenization = arrived.elapsed();
        let (pending, outcomes) = Pending::new(prepared, deadline, self.answer_size());
        ticket.enqueue(pending)?;
        let mut answered = outcomes.await.unwrap_or(Err(Refused::Stopped))?;
        answered.timing.tokenization = tokenization;
        Ok(answered)
    }

    /// Size of no answers.
    fn answer_size(&self) -> AnswerSize {
        AnswerSize {
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

impl AnswerSize {
    /// Adds the size of the answers to a question, before their texts are copied.
    ///
    /// # Errors
    /// [`Refused::AnswerTooLarge`] and [`Refused::NoMemory`].
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
    /// Reason in the metric `bakeoff_dropped_total`.
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
    /// Waits for the warm-up of every worker.
    ///
    /// # Errors
    /// [`ServeError::WarmUp`] and [`ServeError::WarmUpPanicked`].
    pub(crate) async fn warmed_up(&mut self) -> Result<(), ServeError> {
        for _ in 0..self.threads.len() {
            self.warm_ups
                .recv()
                .await
                .unwrap_or(Err(ServeError::WarmUpPanicked))?;
        }
        Ok(())
    }

    /// Closes the queue, and waits for the end of every worker.
    pub(crate) async fn stop(&mut self) {
        self.queue.close();
        while self.warm_ups.recv().await.is_some() {}
        for thread in self.threads.drain(..) {
            // The closed channel shows that the threads have ended. Panics are caught in the threads.
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
