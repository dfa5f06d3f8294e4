//! Tokenization of the questions of a request into windows, before they enter the queue.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use bakeoff_qa::{Prepared, QuestionAnswering};

use super::{Item, ItemError, Refused, TextWork};

/// Tokenized question.
#[derive(Debug)]
pub(crate) struct PreparedItem {
    pub(crate) outcome: Result<Prepared, ItemError>,
    pub(crate) tokenization: Duration,
    /// Tokens that count for [`MAX_TOKENS`].
    cost_tokens: usize,
}

/// Approximate length of a token in English text, in bytes.
const BYTES_PER_TOKEN: usize = 4;

/// Approximate size of the text that is tokenized in one task, in bytes. Between two tasks of a list other requests have a turn,
/// and an abandoned list ends.
const CHUNK_BYTES: usize = 16 * 1024;

/// Maximum text length for each counted token, in bytes. Text with fewer tokens, also of a question that failed, counts by its
/// length, because it takes time too. A list can contain the same long context a thousand times.
const MAX_BYTES_PER_TOKEN: usize = 8;

/// Maximum number of tokens in a list. A longer list would take minutes, and 100 bytes of memory for each token while it waits.
const MAX_TOKENS: usize = 1024 * 1024;

/// Maximum number of candidate spans of a question. It limits the memory of each worker.
const MAX_CANDIDATES: usize = 262_144;

/// Estimated number of tokens in the items, from the length of their text. At least 1.
pub(crate) fn estimate_tokens(items: &[Item]) -> usize {
    let bytes: usize = items.iter().map(bytes).sum();
    bytes / BYTES_PER_TOKEN + 1
}

/// Tokenized items, in order. An item that fails has an error of its own.
///
/// # Errors
/// [`Refused::TooLarge`] for a list with too many tokens, and [`Refused::Stopped`] if the runtime ends.
pub(crate) async fn prepare(
    items: Vec<Item>,
    model: &Arc<QuestionAnswering>,
    text_work: &TextWork,
) -> Result<Vec<PreparedItem>, Refused> {
    let mut prepared = Vec::with_capacity(items.len());
    let mut tokens = 0;
    let mut items = items.into_iter().peekable();
    while items.peek().is_some() {
        let mut chunk_bytes = 0;
        let mut chunk = Vec::new();
        while let Some(item) = items.next_if(|_| chunk_bytes < CHUNK_BYTES) {
            chunk_bytes += bytes(&item);
            chunk.push(item);
        }
        let model = Arc::clone(model);
        let work = move || -> Vec<PreparedItem> {
            chunk
                .into_iter()
                .map(|item| prepare_one(item, &model))
                .collect()
        };
        let chunk = text_work.run(chunk_bytes, work).await;
        // Panics are caught in the task.
        let chunk = chunk.map_err(|_| Refused::Stopped)?;
        tokens += chunk.iter().map(|item| item.cost_tokens).sum::<usize>();
        prepared.extend(chunk);
        if tokens > MAX_TOKENS && items.peek().is_some() {
            return Err(Refused::TooLarge {
                limit_tokens: MAX_TOKENS,
            });
        }
    }
    Ok(prepared)
}

fn bytes(item: &Item) -> usize {
    item.question.question().len() + item.question.context().len()
}

fn prepare_one(item: Item, model: &QuestionAnswering) -> PreparedItem {
    let started = Instant::now();
    let least_tokens = bytes(&item) / MAX_BYTES_PER_TOKEN;
    // Unwind safe: all data of a question that panicked is dropped.
    let prepare = AssertUnwindSafe(|| model.prepare(item.question, item.options));
    let outcome = match catch_unwind(prepare) {
        Ok(Ok(prepared)) if prepared.candidates() > MAX_CANDIDATES => {
            Err(ItemError::Answer(prepared.too_many_answers()))
        }
        Ok(prepared) => prepared.map_err(ItemError::Answer),
        Err(_) => Err(ItemError::Panicked),
    };
    let tokens = outcome.as_ref().map_or(0, tokens);
    PreparedItem {
        outcome,
        tokenization: started.elapsed(),
        cost_tokens: tokens.max(least_tokens),
    }
}

/// Number of tokens in all windows.
fn tokens(prepared: &Prepared) -> usize {
    let windows = 0..prepared.windows();
    windows.map(|window| prepared.tokens(window)).sum()
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, num::NonZeroUsize};

    use bakeoff_qa::{AnswerError, Options, Question};

    use super::*;
    use crate::fake::{Fake, too_long};

    fn item(question: &str, context: &str) -> Item {
        Item {
            question: Question::new(question, context).unwrap(),
            options: Options::default(),
        }
    }

    /// Runner with one thread for short text.
    fn text_work() -> TextWork {
        TextWork::new(NonZeroUsize::MIN)
    }

    #[tokio::test]
    async fn items_keep_their_order_and_fail_alone() {
        let (model, _) = Fake::model();
        let too_long = Item {
            question: too_long(),
            options: Options::default(),
        };
        let items = vec![item("a", "b"), too_long, item("a", &"b ".repeat(600))];
        let prepared = prepare(items, &model, &text_work()).await.unwrap();
        let read = |item: &PreparedItem| tokens(item.outcome.as_ref().unwrap());
        assert_eq!(read(&prepared[0]), 5);
        let failed = prepared[1].outcome.as_ref().unwrap_err();
        assert!(matches!(
            failed,
            ItemError::Answer(AnswerError::QuestionTooLong { .. })
        ));
        // The first window has 384 tokens, 380 of them from the context. The second window has the rest and 128 shared tokens.
        assert_eq!(read(&prepared[2]), 384 + 4 + 600 - (380 - 128));
    }

    #[tokio::test]
    async fn a_long_list_lets_others_through() {
        let (model, _) = Fake::model();
        let text_work = text_work();
        let ended = RefCell::new(Vec::new());
        let run = async |name, items| {
            let prepared = prepare(items, &model, &text_work).await.unwrap();
            ended.borrow_mut().push(name);
            prepared.len()
        };
        let context = "hay ".repeat(500);
        let list = (0..1000).map(|_| item("hay", &context)).collect();
        let single = vec![item("hay", &context)];
        assert_eq!(
            tokio::join!(run("list", list), run("single", single)),
            (1000, 1)
        );
        assert_eq!(ended.into_inner(), ["single", "list"]);
    }

    #[tokio::test]
    async fn a_list_with_too_many_tokens_is_refused() {
        let (model, _) = Fake::model();
        // With this stride, windows share nearly all of their text.
        let mut large = item("a", &"a ".repeat(10_000));
        large.options.doc_stride = Some(370);
        let prepared = prepare(vec![large.clone()], &model, &text_work())
            .await
            .unwrap();
        let tokens = tokens(prepared[0].outcome.as_ref().unwrap());
        assert!((MAX_TOKENS / 3..MAX_TOKENS).contains(&tokens), "{tokens}");
        let refused = prepare(vec![large; 1000], &model, &text_work()).await;
        assert_eq!(
            refused.unwrap_err(),
            Refused::TooLarge {
                limit_tokens: MAX_TOKENS
            }
        );
    }

    #[tokio::test]
    async fn a_list_of_long_items_that_fail_is_refused() {
        let (model, _) = Fake::model();
        // One item has too many windows, the other one a question that is too long.
        let mut windows = item("a", &"hay ".repeat(100_000));
        windows.options.doc_stride = Some(379);
        let question = item(&"who ".repeat(300), &"hay ".repeat(100_000));
        for failing in [windows, question] {
            let alone = prepare(vec![failing.clone()], &model, &text_work()).await;
            assert!(alone.unwrap()[0].outcome.is_err());
            let refused = prepare(vec![failing; 1000], &model, &text_work()).await;
            assert!(matches!(refused, Err(Refused::TooLarge { .. })));
        }
    }

    #[tokio::test]
    async fn many_answers_of_many_windows_are_refused() {
        let (model, _) = Fake::model();
        let ask = async |top_k: usize, words: usize| {
            let mut item = item("a", &"hay ".repeat(words));
            item.options.top_k = NonZeroUsize::new(top_k).unwrap();
            let mut prepared = prepare(vec![item], &model, &text_work()).await.unwrap();
            prepared.remove(0).outcome
        };
        assert!(ask(1000, 30_000).await.is_ok());
        assert!(ask(100, 100_000).await.is_ok());
        let refused = ask(1000, 100_000).await;
        assert!(matches!(
            refused,
            Err(ItemError::Answer(AnswerError::TooManyAnswers {
                top_k: 1000,
                ..
            }))
        ));
    }

    #[test]
    fn estimates_are_near_what_english_makes() {
        let (model, _) = Fake::model();
        let item = item(
            "Who wrote the opera?",
            "The opera was written by Ada Byron in 1843, and first sung in Turin a year later. It was praised for its \
             clarity by those who had never heard it, and for its brevity by those who had.",
        );
        let estimate = estimate_tokens(std::slice::from_ref(&item));
        let tokens = tokens(&prepare_one(item, &model).outcome.unwrap());
        assert!(
            estimate.abs_diff(tokens) * 4 < tokens,
            "{estimate} for {tokens}"
        );
    }
}
