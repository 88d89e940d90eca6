//! Turns panics of tasks into values: a task that disappears without a report would leave a service
//! or a request waiting forever.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;

/// Runs `work` to completion. If it panics, returns the panic message as the error.
pub(super) fn guarded<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, String>> {
    // Shared state is either behind a lock, which is poisoned by a panic, or sent in messages.
    let work = AssertUnwindSafe(work).catch_unwind();
    work.map(|outcome| {
        outcome.map_err(|panic| {
            let message = message(&*panic);
            tracing::error!("a task panicked: {message}");
            message
        })
    })
}

/// Returns the message of a panic.
pub(super) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_error_with_its_message() {
        let work = async {
            tokio::task::yield_now().await;
            assert!(std::hint::black_box(false), "out of {}", "luck");
        };
        assert_eq!(guarded(work).await, Err("out of luck".to_owned()));
        assert_eq!(guarded(async { 7 }).await, Ok(7));
    }
}
