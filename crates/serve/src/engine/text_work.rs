//! Work on text that takes too long for a thread that serves connections, and is not inference.

use std::{num::NonZeroUsize, sync::Arc};

use tokio::{
    sync::Semaphore,
    task::{self, JoinError},
};

/// Runs work on text on threads apart, only a few pieces at once. Cheap to clone.
///
/// Who waits is served in order. Long texts have a lane of their own, so that short ones never wait for a long one.
#[derive(Debug, Clone)]
pub(crate) struct TextWork {
    short: Arc<Semaphore>,
    long: Arc<Semaphore>,
}

/// Text up to this length is short: it takes some milliseconds at most.
const SHORT_BYTES: usize = 64 * 1024;

impl TextWork {
    /// As many short pieces at once as there are workers, and one long one.
    pub(crate) fn new(workers: NonZeroUsize) -> Self {
        Self {
            short: Arc::new(Semaphore::new(workers.get().min(Semaphore::MAX_PERMITS))),
            long: Arc::new(Semaphore::new(1)),
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
    ) -> Result<T, JoinError> {
        let lane = if bytes <= SHORT_BYTES {
            &self.short
        } else {
            &self.long
        };
        let permit = Arc::clone(lane).acquire_owned().await;
        task::spawn_blocking(move || {
            // Held until the work is done, even when nobody waits for it any more.
            let _permit = permit;
            work()
        })
        .await
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
        assert!(panicked.unwrap_err().is_panic());
        assert_eq!(text_work.run(10, || 5).await.unwrap(), 5);
    }
}
