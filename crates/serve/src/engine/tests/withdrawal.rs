//! Requests that end before their answers, and questions that fail alone.

use super::*;
use crate::fake::too_long;

/// Checks that the next question is the next one that the released worker reads, and that `blocked` requests are answered.
async fn check_next(bench: &mut Bench, blocked: impl IntoIterator<Item = Running>) {
    let next = bench.line_up(&["next"]).await;
    bench.release();
    assert_eq!(bench.next_batch().await, ["next"]);
    for running in next.into_iter().chain(blocked) {
        answered(running).await;
    }
}

#[tokio::test]
async fn withdrawn_questions_give_their_place_back_at_once_and_cost_no_inference() {
    let mut bench = start(config()).await;
    let blocked = bench.block().await;
    let gone = bench.ask(items(&["gone", "gone", "gone"]));
    bench.until_waiting(3).await;
    gone.abort();
    assert!(gone.await.unwrap_err().is_cancelled());
    // The worker is still blocked: the abandoned request itself has left the queue.
    assert_eq!(bench.engine.queue.tokens(), 0);

    check_next(&mut bench, [blocked]).await;
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
    check_next(&mut bench, []).await;
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

    check_next(&mut bench, [blocked]).await;
}

#[tokio::test]
async fn only_questions_that_cause_a_failure_fail() {
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
