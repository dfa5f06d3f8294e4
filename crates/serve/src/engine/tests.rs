mod batching;
mod overload;
mod withdrawal;

use std::{future::Future, num::NonZeroUsize};

use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::task::{self, JoinHandle};

use std::time::Duration;

use super::*;
use crate::{
    config::Admission,
    fake::{Controls, Fake},
};

/// Engine with a fake model.
struct Bench {
    engine: Engine,
    workers: Workers,
    fake: Controls,
}

type Running = JoinHandle<Result<Answered, Refused>>;

/// One worker, and a queue without relevant limits.
fn config() -> ServeConfig {
    ServeConfig {
        threads: NonZeroUsize::MIN,
        admission: Admission {
            max_queue_tokens: NonZeroUsize::new(1_000_000).unwrap(),
            max_queue_delay: Duration::from_hours(24),
        },
        ..ServeConfig::default()
    }
}

async fn start(config: ServeConfig) -> Bench {
    let (model, fake) = Fake::model();
    let (engine, mut workers) = Engine::start(&config, model, Arc::default()).unwrap();
    workers.warmed_up().await.unwrap();
    Bench {
        engine,
        workers,
        fake,
    }
}

fn item(question: &str) -> Item {
    Item {
        question: Question::new(question, "A context.").unwrap(),
        options: Options::default(),
    }
}

fn items(questions: &[&str]) -> Vec<Item> {
    questions.iter().map(|question| item(question)).collect()
}

fn never() -> Instant {
    Instant::now() + Duration::from_hours(24)
}

impl Bench {
    /// Starts a request without waiting for its answers.
    fn ask(&self, items: Vec<Item>) -> Running {
        self.ask_until(items, never())
    }

    fn ask_until(&self, items: Vec<Item>, deadline: Instant) -> Running {
        let engine = self.engine.clone();
        task::spawn(async move { engine.answer(items, deadline).await })
    }

    /// Blocks the worker until [`Bench::release`].
    async fn block(&mut self) -> Running {
        let blocked = self.ask(items(&["block"]));
        assert_eq!(self.next_batch().await, ["block"]);
        blocked
    }

    fn release(&self) {
        self.fake.release.send(()).unwrap();
    }

    /// Questions of the next batch whose inference starts.
    async fn next_batch(&mut self) -> Vec<String> {
        soon("a batch", self.fake.next_batch()).await
    }

    /// Waits for a number of questions in the queue.
    async fn until_waiting(&self, expected: usize) {
        soon("the queue", async {
            while self.engine.queue.len() != expected {
                task::yield_now().await;
            }
        })
        .await;
    }

    /// Adds requests to the queue in this order, while the worker is blocked.
    async fn line_up(&self, questions: &[&str]) -> Vec<Running> {
        let mut running = Vec::new();
        for question in questions {
            let before = self.engine.queue.len();
            running.push(self.ask(items(&[question])));
            self.until_waiting(before + 1).await;
        }
        running
    }
}

/// Result of `future`.
///
/// # Panics
/// After two minutes.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(Duration::from_mins(2), future)
        .await
        .unwrap_or_else(|_| panic!("{what} takes too long"))
}

async fn answered(running: Running) -> Answered {
    soon("the answer", running).await.unwrap().unwrap()
}

#[tokio::test]
async fn questions_of_a_list_are_answered_in_order() {
    let bench = start(config()).await;
    let answered = answered(bench.ask(items(&["context", "a", "context"]))).await;
    let texts = answered
        .items
        .into_iter()
        .map(|item| item.unwrap()[0].text("A context.").to_owned());
    assert_eq!(texts.collect::<Vec<_>>(), ["context", "A", "context"]);
}

#[tokio::test]
async fn an_empty_list_has_no_answers() {
    let bench = start(config()).await;
    assert!(answered(bench.ask(Vec::new())).await.items.is_empty());
}

#[tokio::test]
async fn times_add_up_to_no_more_than_the_whole() {
    let mut bench = start(config()).await;
    let began = Instant::now();
    let blocked = bench.block().await;
    let waiting = bench.line_up(&["a"]).await;
    bench.release();
    for running in waiting.into_iter().chain([blocked]) {
        let timing = answered(running).await.timing;
        assert!(!timing.tokenization.is_zero() && !timing.inference.is_zero());
        assert!(timing.queue + timing.tokenization + timing.inference <= began.elapsed());
    }
}

#[tokio::test]
async fn stopped_workers_answer_nothing_more() {
    let mut bench = start(config()).await;
    let blocked = bench.block().await;
    let waiting = bench.line_up(&["a"]).await;
    let Bench {
        engine,
        mut workers,
        fake,
    } = bench;
    // The current batch ends after the queue is closed.
    let end = async { tokio::join!(workers.stop(), async { drop(fake) }) };
    soon("the end", end).await;
    answered(blocked).await;
    for running in waiting {
        let outcome = soon("the answer", running).await.unwrap();
        assert_eq!(outcome.unwrap_err(), Refused::Stopped);
    }
    let outcome = engine.answer(items(&["a"]), never()).await;
    assert_eq!(outcome.unwrap_err(), Refused::Stopped);
    assert_eq!(engine.queue.tokens(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaks_after_thousands_of_answers_withdrawals_timeouts_and_failures() {
    let mut bench = start(ServeConfig {
        threads: NonZeroUsize::new(2).unwrap(),
        admission: Admission {
            max_queue_tokens: NonZeroUsize::new(2000).unwrap(),
            ..config().admission
        },
        ..config()
    })
    .await;
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut below = |end: u32| rand_below(&mut random, end);
    let questions = ["a", "context", "what is there", "fail", "panic"];
    let mut running = Vec::new();
    let mut seen = [0; 5];
    for _ in 0..3000 {
        // Panics are rare, because each prints a stack.
        let length = [0, 1, 1, 1, 3, 40][below(6)];
        let list: Vec<_> = (0..length)
            .map(|_| item(questions[below(400).min(below(5)).min(4)]))
            .collect();
        let deadline = match below(8) {
            0 => Instant::now(),
            1 => Instant::now() + Duration::from_micros(below(3000) as u64),
            _ => never(),
        };
        running.push(bench.ask_until(list, deadline));
        if below(3) == 0 {
            task::yield_now().await;
        }
        if below(4) == 0 {
            running[below(u32::try_from(running.len()).unwrap())].abort();
        }
    }
    for running in running {
        let outcome = soon("the outcome", running).await;
        seen[match outcome {
            Err(cancelled) => {
                assert!(cancelled.is_cancelled());
                0
            }
            Ok(Ok(_)) => 1,
            Ok(Err(Refused::Overloaded(_))) => 2,
            Ok(Err(Refused::TimedOut)) => 3,
            Ok(Err(_)) => 4,
        }] += 1;
    }
    assert!(seen[..4].iter().all(|&times| times > 0), "{seen:?}");
    assert_eq!(seen[4], 0);
    let queue = Arc::clone(&bench.engine.queue);
    assert_eq!((queue.tokens(), queue.len(), queue.tickets()), (0, 0, 0));
    assert!(bench.engine.answer(items(&["a"]), never()).await.is_ok());
    soon("the end", bench.workers.stop()).await;
}

fn rand_below(random: &mut TestRng, end: u32) -> usize {
    use proptest::prelude::Rng;
    usize::try_from(random.next_u32() % end).unwrap()
}
