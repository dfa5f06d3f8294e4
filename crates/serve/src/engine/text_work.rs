//! Threads for slow work on text, except inference. Threads that serve connections must not do it.

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use tokio::{
    sync::{Semaphore, oneshot},
    task,
};

/// Runner of work on text. Only a few tasks run at once. Cheap to clone.
///
/// Tasks run in order of arrival. Tasks on long text have a thread of their own, so that a task on short text never waits for
/// them. It is always the same thread, because each thread keeps some of the memory of its largest task.
#[derive(Debug, Clone)]
pub(crate) struct TextWork {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    long_thread: mpsc::Sender<Task>,
}

/// Task that also sends its result.
type Task = Box<dyn FnOnce() + Send>;

/// Error of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextWorkError {
    /// The task panicked.
    Panicked,
    /// The server stopped before the task began.
    Stopped,
}

/// Maximum length of short text in bytes. Tasks on short text take a few milliseconds at most.
const SHORT_BYTES: usize = 32 * 1024;

/// Maximum number of tasks on short text at once. It limits the memory.
const MAX_SHORT: usize = 8;

impl TextWork {
    /// Runner with at most as many tasks on short text at once as there are workers, and one task on long text.
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        let (long_thread, tasks) = mpsc::channel::<Task>();
        let started = thread::Builder::new()
            .name("long-text".to_owned())
            .spawn(move || tasks.into_iter().for_each(|task| task()));
        if let Err(error) = started {
            // Tasks on long text then end with an error.
            tracing::error!(%error, "cannot start a thread for long texts");
        }
        Self {
            short: Arc::new(Semaphore::new(workers.get().min(MAX_SHORT))),
            long: Arc::new(Semaphore::new(1)),
            long_thread,
        }
    }

    /// Result of `work` on a text of about `bytes` bytes. Dropping the future does not stop a task that has begun.
    ///
    /// # Errors
    /// [`TextWorkError`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, TextWorkError> {
        let is_short = bytes <= SHORT_BYTES;
        let lane = if is_short { &self.short } else { &self.long };
        let permit = Arc::clone(lane).acquire_owned().await;
        let (reply, outcome) = oneshot::channel();
        let task = move || {
            // Unwind safe: all data of a task that panicked is dropped.
            let returned = catch_unwind(AssertUnwindSafe(work));
            // Held until the end of the task, even if the receiver is gone.
            drop(permit);
            // The receiver is gone if the request was abandoned.
            let _ = reply.send(returned.map_err(|_| TextWorkError::Panicked));
        };
        if is_short {
            drop(task::spawn_blocking(task));
        } else {
            // If the thread has ended, the task and its sender are dropped.
            let _ = self.long_thread.send(Box::new(task));
        }
        outcome.await.unwrap_or(Err(TextWorkError::Stopped))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Running task that ends when the sender is dropped.
    async fn blocked(
        text_work: &TextWork,
        bytes: usize,
    ) -> (mpsc::Sender<()>, task::JoinHandle<()>) {
        let (release, released) = mpsc::channel();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let text_work = text_work.clone();
        let work = move || {
            begun.send(()).unwrap();
            let _ = released.recv();
        };
        let running = task::spawn(async move { text_work.run(bytes, work).await.unwrap() });
        has_begun.await.unwrap();
        (release, running)
    }

    #[tokio::test]
    async fn short_text_never_waits_for_long_text() {
        let text_work = TextWork::new(NonZeroUsize::MIN);
        let (release, running) = blocked(&text_work, 1024 * 1024).await;
        assert_eq!(text_work.run(10, || 5).await.unwrap(), 5);
        drop(release);
        running.await.unwrap();
    }

    #[tokio::test]
    async fn abandoned_work_keeps_its_place_until_it_ends() {
        let text_work = TextWork::new(NonZeroUsize::MIN);
        let (release, running) = blocked(&text_work, 10).await;
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        assert_eq!(text_work.short.available_permits(), 0);
        drop(release);
        text_work.run(10, || ()).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_place_back() {
        let text_work = TextWork::new(NonZeroUsize::MIN);
        let panicked = text_work.run::<()>(10, || panic!("on purpose")).await;
        assert_eq!(panicked.unwrap_err(), TextWorkError::Panicked);
        assert_eq!(text_work.run(10, || 5).await.unwrap(), 5);
    }
}
