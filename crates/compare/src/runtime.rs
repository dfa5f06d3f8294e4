//! Runs one future on a runtime of its own.

use std::io;

/// Reason why a future was not run.
#[derive(Debug, thiserror::Error)]
#[error("cannot start a runtime for requests")]
pub(crate) struct NoRuntime(#[source] io::Error);

/// Waits for `future` on a runtime of its own.
///
/// # Errors
/// The operating system refuses the event loop of the runtime.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, NoRuntime> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(NoRuntime)?;
    let value = runtime.block_on(future);
    // The lookup of a name cannot be ended early, and its result is not needed any more.
    runtime.shutdown_background();
    Ok(value)
}
