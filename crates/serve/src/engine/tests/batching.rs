//! Windows in batches, and batches on workers.

use super::{super::schedule::TURN_TOKENS, *};

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
    // Each window has seven tokens: one of the question, three of the context, and three special tokens.
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
    // Both workers start at once, though one batch could hold both questions.
    for _ in 0..2 {
        assert_eq!(bench.next_batch().await, ["block"]);
    }
    bench.release();
    bench.release();
    answered(list).await;
}
