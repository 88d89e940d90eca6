//! Panics of tasks, made into values: a task that is gone without a word leaves a service or a
//! request waiting for ever.

use std::{any::Any, panic::AssertUnwindSafe};

use futures_util::FutureExt as _;

/// Runs `work` to its end. Fails with the message of a panic, if it panics.
pub(super) fn guarded<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, String>> {
    // What the work has shared is either locked, and then poisoned, or told by message.
    let work = AssertUnwindSafe(work).catch_unwind();
    work.map(|outcome| {
        outcome.map_err(|panic| {
            let message = message(&*panic);
            tracing::error!("a task panicked: {message}");
            message
        })
    })
}

/// What a panic says.
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
