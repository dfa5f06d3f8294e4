//! Work on text that takes too long for a thread that serves connections, and is not inference.

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

/// Runs work on text on threads apart, only a few pieces at once. Cheap to clone.
///
/// Who waits is served in order. Long texts have a lane of their own, so that short ones never wait for a long one. The lane is
/// one thread that stays the same: each thread keeps some of the memory that its largest piece took.
#[derive(Debug, Clone)]
pub(crate) struct TextWork {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
    long_thread: mpsc::Sender<Piece>,
}

/// Work, and all that is to be done with what it returns.
type Piece = Box<dyn FnOnce() + Send>;

/// Reason why the work returned nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It panicked.
    Panicked,
    /// The server stopped before it began.
    Stopped,
}

/// Text up to this length is short: it takes some milliseconds at most.
const SHORT_BYTES: usize = 32 * 1024;

/// Pieces of short text at once, at most: bounds the memory.
const MOST_SHORT: usize = 8;

impl TextWork {
    /// As many short pieces at once as there are workers, up to a few, and one long one.
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        let (long_thread, pieces) = mpsc::channel::<Piece>();
        let started = thread::Builder::new()
            .name("long-text".to_owned())
            .spawn(move || pieces.into_iter().for_each(|piece| piece()));
        if let Err(error) = started {
            // Work on long texts is lost then, and the requests refused.
            tracing::error!(%error, "cannot start a thread for long texts");
        }
        Self {
            short: Arc::new(Semaphore::new(workers.get().min(MOST_SHORT))),
            long: Arc::new(Semaphore::new(1)),
            long_thread,
        }
    }

    /// What `work`, which is about `bytes` of text, returns. Dropping the future does not stop work that has begun.
    ///
    /// # Errors
    /// When `work` panics, or the runtime shuts down before it begins.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let is_short = bytes <= SHORT_BYTES;
        let lane = if is_short { &self.short } else { &self.long };
        let permit = Arc::clone(lane).acquire_owned().await;
        let (reply, outcome) = oneshot::channel();
        let piece = move || {
            // Unwind safe because nothing of work that panicked is kept.
            let returned = catch_unwind(AssertUnwindSafe(work));
            // Held until the work is done, even when nobody waits for it any more.
            drop(permit);
            // Nobody may wait for it any more.
            let _ = reply.send(returned.map_err(|_| Lost::Panicked));
        };
        if is_short {
            drop(task::spawn_blocking(piece));
        } else {
            // Lost with the reply in it where the thread has ended.
            let _ = self.long_thread.send(Box::new(piece));
        }
        outcome.await.unwrap_or(Err(Lost::Stopped))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Work that has begun, and goes on when the sender is dropped.
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
        assert_eq!(panicked.unwrap_err(), Lost::Panicked);
        assert_eq!(text_work.run(10, || 5).await.unwrap(), 5);
    }
}
