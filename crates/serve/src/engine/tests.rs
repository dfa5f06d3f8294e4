use std::{future::Future, num::NonZeroUsize};

use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::task::{self, JoinHandle};

use super::{schedule::TURN_TOKENS, *};
use crate::{
    config::Admission,
    fake::{Controls, Fake, too_long},
};

/// An engine with a fake model.
struct Bench {
    engine: Engine,
    workers: Workers,
    fake: Controls,
}

type Running = JoinHandle<Result<Answered, Refused>>;

/// One worker, and a queue that no test fills.
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
    /// Asks and does not wait for the answers.
    fn ask(&self, items: Vec<Item>) -> Running {
        self.ask_until(items, never())
    }

    fn ask_until(&self, items: Vec<Item>, deadline: Instant) -> Running {
        let engine = self.engine.clone();
        task::spawn(async move { engine.answer(items, deadline).await })
    }

    /// Keeps the worker busy until [`Bench::release`].
    async fn block(&mut self) -> Running {
        let blocked = self.ask(items(&["block"]));
        assert_eq!(self.next_batch().await, ["block"]);
        blocked
    }

    fn release(&self) {
        self.fake.release.send(()).unwrap();
    }

    /// The questions of the next batch that a worker begins.
    async fn next_batch(&mut self) -> Vec<String> {
        soon("a batch", self.fake.next_batch()).await
    }

    /// Returns once so many questions are in the queue.
    async fn until_waiting(&self, expected: usize) {
        soon("the queue", async {
            while self.engine.queue.len() != expected {
                task::yield_now().await;
            }
        })
        .await;
    }

    /// Asks in this order, one after the other, while the worker is blocked.
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

/// Fails instead of hanging for ever.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    time::timeout(Duration::from_mins(2), future)
        .await
        .unwrap_or_else(|_| panic!("{what} takes for ever"))
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
async fn windows_of_a_long_context_come_together_whatever_batch_they_were_in() {
    let bench = start(ServeConfig {
        threads: NonZeroUsize::new(3).unwrap(),
        ..config()
    })
    .await;
    let context = format!("{} needle {}", "hay ".repeat(3000), "hay ".repeat(3000));
    let question = Question::new("needle", context).unwrap();
    let item = Item {
        question,
        options: Options::default(),
    };
    let answered = answered(bench.ask(vec![item])).await;
    let answers = answered.items.into_iter().next().unwrap().unwrap();
    assert_eq!((answers[0].start, answers[0].end), (12_001, 12_007));
}

#[tokio::test]
async fn a_long_list_delays_a_single_question_by_one_turn() {
    let mut bench = start(config()).await;
    let mut list: Vec<_> = (0..1000).map(|_| item("list")).collect();
    list[500] = item("block");
    let list = bench.ask(list);
    while !bench.next_batch().await.contains(&"block".to_owned()) {}
    assert!(bench.engine.queue.len() > 400);

    let single = bench.line_up(&["single"]).await;
    bench.release();
    let mut batches_before = 0;
    while !bench.next_batch().await.contains(&"single".to_owned()) {
        batches_before += 1;
    }
    assert!(batches_before <= TURN_TOKENS / config().max_batch_tokens);
    for running in single {
        answered(running).await;
    }
    assert_eq!(answered(list).await.items.len(), 1000);
}

#[tokio::test]
async fn a_batch_holds_no_more_tokens_than_allowed() {
    let mut bench = start(ServeConfig {
        max_batch_tokens: NonZeroUsize::new(20).unwrap(),
        ..config()
    })
    .await;
    let blocked = bench.block().await;
    // Seven tokens each: the question, the context's three, and three special ones.
    let running = bench.line_up(&["one", "two", "three"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["one", "two"]);
    assert_eq!(bench.next_batch().await, ["three"]);
    for running in running.into_iter().chain([blocked]) {
        answered(running).await;
    }
}

#[tokio::test]
async fn workers_share_a_list() {
    let mut bench = start(ServeConfig {
        threads: NonZeroUsize::new(2).unwrap(),
        ..config()
    })
    .await;
    let list = bench.ask(items(&["block", "block"]));
    // Both at once, though one batch could hold them.
    for _ in 0..2 {
        assert_eq!(bench.next_batch().await, ["block"]);
    }
    bench.release();
    bench.release();
    answered(list).await;
}

#[tokio::test]
async fn withdrawn_questions_give_their_place_back_at_once_and_cost_no_inference() {
    let mut bench = start(config()).await;
    let blocked = bench.block().await;
    let gone = bench.ask(items(&["gone", "gone", "gone"]));
    bench.until_waiting(3).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    // The worker is still blocked: nobody but who went away has emptied the queue.
    assert_eq!(bench.engine.queue.tokens(), 0);

    let next = bench.line_up(&["next"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["next"]);
    for running in next.into_iter().chain([blocked]) {
        answered(running).await;
    }
}

#[tokio::test]
async fn windows_of_a_withdrawn_request_that_have_not_begun_never_do() {
    let mut bench = start(ServeConfig {
        max_batch_tokens: NonZeroUsize::MIN,
        ..config()
    })
    .await;
    let gone = bench.ask(items(&["block", "gone", "gone"]));
    assert_eq!(bench.next_batch().await, ["block"]);
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    let next = bench.line_up(&["next"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["next"]);
    for running in next {
        answered(running).await;
    }
}

#[tokio::test]
async fn questions_whose_deadline_passes_time_out_and_cost_no_inference() {
    let mut bench = start(config()).await;
    let blocked = bench.block().await;
    let late = bench.ask_until(items(&["late"]), Instant::now() + Duration::from_millis(20));
    let late = soon("the deadline", late).await.unwrap();
    assert_eq!(late.unwrap_err(), Refused::TimedOut);
    assert_eq!(bench.engine.queue.tokens(), 0);
    let over = bench.engine.answer(items(&["over"]), Instant::now()).await;
    assert_eq!(over.unwrap_err(), Refused::TimedOut);

    let next = bench.line_up(&["next"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["next"]);
    for running in next.into_iter().chain([blocked]) {
        answered(running).await;
    }
}

#[tokio::test]
async fn only_the_culprits_of_a_batch_fail() {
    let mut bench = start(config()).await;
    let blocked = bench.block().await;
    let mut list = items(&["a", "panic", "context", "fail", "a"]);
    list.push(Item {
        question: too_long(),
        options: Options::default(),
    });
    let list = bench.ask(list);
    bench.until_waiting(5).await;
    let other = bench.line_up(&["context"]).await;
    bench.release();

    let outcomes = answered(list).await.items;
    assert_eq!(outcomes[0].as_ref().unwrap()[0].text("A context."), "A");
    assert!(matches!(outcomes[1], Err(ItemError::Panicked)));
    assert_eq!(
        outcomes[2].as_ref().unwrap()[0].text("A context."),
        "context"
    );
    let failed = Err::<(), _>(outcomes[3].as_ref().unwrap_err());
    assert!(matches!(
        failed,
        Err(ItemError::Answer(AnswerError::Backend(_)))
    ));
    assert_eq!(outcomes[4].as_ref().unwrap()[0].text("A context."), "A");
    assert!(matches!(
        outcomes[5],
        Err(ItemError::Answer(AnswerError::QuestionTooLong { .. }))
    ));
    for running in other.into_iter().chain([blocked]) {
        assert!(answered(running).await.items[0].is_ok());
    }
    assert_eq!(bench.engine.queue.tokens(), 0);
}

#[tokio::test]
async fn a_question_that_fails_in_one_window_is_not_read_further() {
    let mut bench = start(config()).await;
    let question = Question::new("fail", "hay ".repeat(3000)).unwrap();
    let long = Item {
        question,
        options: Options::default(),
    };
    let outcomes = answered(bench.ask(vec![long, item("a")])).await.items;
    assert!(outcomes[0].is_err());
    assert!(outcomes[1].is_ok());
    let mut read = 0;
    while let Ok(batch) = bench.fake.batches.try_recv() {
        read += batch.iter().filter(|question| *question == "fail").count();
    }
    assert_eq!(read, 1);
}

#[tokio::test]
async fn overload_is_refused_at_once_and_over_when_the_queue_has_drained() {
    let mut bench = start(ServeConfig {
        admission: Admission {
            max_queue_tokens: NonZeroUsize::new(16).unwrap(),
            ..config().admission
        },
        ..config()
    })
    .await;
    let blocked = bench.block().await;
    // Seven tokens each.
    let waiting = bench.line_up(&["one", "two"]).await;
    let refused = bench.engine.answer(items(&["three"]), never()).await;
    assert!(matches!(refused, Err(Refused::Overloaded(_))));
    assert_eq!(bench.engine.queue.tokens(), 14);

    // More than the queue holds by itself, of which one may wait.
    let large = bench.ask(items(&["x"; 10]));
    bench.until_waiting(12).await;
    let refused = bench.engine.answer(items(&["y"; 10]), never()).await;
    assert!(matches!(refused, Err(Refused::Overloaded(_))));

    bench.release();
    for running in waiting.into_iter().chain([blocked]) {
        answered(running).await;
    }
    assert_eq!(answered(large).await.items.len(), 10);
}

#[tokio::test]
async fn a_place_that_is_reserved_shows_until_it_is_given_back() {
    let bench = start(config()).await;
    let shows = |line: &str| bench.engine.metrics.encode().contains(line);
    let ticket = bench.engine.queue.reserve(100).unwrap();
    assert!(shows("bakeoff_queue_tokens 100\n"));
    drop(ticket);
    assert!(shows("bakeoff_queue_tokens 0\n"));
}

#[tokio::test]
async fn the_time_to_wait_before_a_retry_shrinks_as_the_queue_drains() {
    let mut bench = start(ServeConfig {
        max_batch_tokens: NonZeroUsize::MIN,
        admission: Admission {
            max_queue_delay: Duration::ZERO,
            ..config().admission
        },
        ..config()
    })
    .await;
    // With no wait allowed, an empty queue takes one request, here a list that blocks at each question.
    let list = bench.ask(items(&["block"; 6]));
    assert_eq!(bench.next_batch().await, ["block"]);
    bench.until_waiting(5).await;
    let mut estimates = Vec::new();
    for waiting in (0..5).rev() {
        // The pace is told here, since that of blocked inferences says nothing: a second a question.
        for _ in 0..1000 {
            bench.engine.queue.record(7, Duration::from_secs(1));
        }
        let long_list = items(&["x"; 100]);
        let refused = bench.engine.answer(long_list, never()).await;
        let Err(Refused::Overloaded(retry_after)) = refused else {
            panic!("{refused:?}");
        };
        estimates.push(retry_after.as_secs_f64().round());
        bench.release();
        assert_eq!(bench.next_batch().await, ["block"]);
        bench.until_waiting(waiting).await;
    }
    assert_eq!(estimates, [5.0, 4.0, 3.0, 2.0, 1.0]);
    bench.release();
    answered(list).await;
    assert!(bench.engine.answer(items(&["a"]), never()).await.is_ok());
}

#[tokio::test]
async fn whoever_has_waited_too_long_is_refused_when_the_turn_comes() {
    let mut bench = start(ServeConfig {
        admission: Admission {
            max_queue_delay: Duration::from_millis(150),
            ..config().admission
        },
        ..config()
    })
    .await;
    let blocked = bench.block().await;
    // Let in, since the model was fast so far.
    let late = bench.line_up(&["late", "late"]).await;
    time::sleep(Duration::from_millis(150)).await;
    let next = bench.line_up(&["next"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["next"]);
    for running in late {
        let outcome = soon("the refusal", running).await.unwrap();
        assert!(matches!(outcome, Err(Refused::Overloaded(_))));
    }
    for running in next.into_iter().chain([blocked]) {
        answered(running).await;
    }
    assert_eq!(bench.engine.queue.tokens(), 0);
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
    // What has begun ends after the queue was closed.
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
        // Panics are rare: each prints a stack.
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
