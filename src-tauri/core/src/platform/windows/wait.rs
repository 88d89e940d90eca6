//! Waiting for an object of the kernel, with a thread of the system's pool rather than our own.

use std::{
    ffi::c_void,
    io,
    os::windows::io::AsRawHandle,
    ptr::{self, NonNull},
};

use tokio::sync::oneshot;
use windows_sys::Win32::{
    Foundation::{HANDLE, INVALID_HANDLE_VALUE, WAIT_OBJECT_0},
    System::Threading::{
        INFINITE, RegisterWaitForSingleObject, UnregisterWaitEx, WT_EXECUTEINWAITTHREAD,
        WT_EXECUTEONLYONCE, WaitForSingleObject,
    },
};

use super::call::{check, raw};

/// Whether the object is signalled now: a process has ended, an event is set.
pub(super) fn is_signalled(object: &impl AsRawHandle) -> bool {
    // SAFETY: the handle is open as long as `object`; with no time given nothing waits.
    unsafe { WaitForSingleObject(raw(object), 0) == WAIT_OBJECT_0 }
}

/// Waits until the object is signalled. Cancel-safe. Fails only where the system has no memory.
pub(super) async fn signalled(object: &(impl AsRawHandle + Sync)) -> io::Result<()> {
    let (sender, receiver) = oneshot::channel();
    let registered = Registered::new(raw(object), sender)?;
    // The other end is dropped with the registration, which is still there.
    let _ = receiver.await;
    drop(registered);
    Ok(())
}

/// A wait that the system's pool does for us, until it is dropped.
struct Registered {
    wait: HANDLE,
    /// From a `Box`, given back at the end.
    sender: NonNull<Option<oneshot::Sender<()>>>,
}

// SAFETY: the handle may be used from any thread, and the sender is touched by the callback alone
// until that cannot come any more.
unsafe impl Send for Registered {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for Registered {}

impl Registered {
    fn new(object: HANDLE, sender: oneshot::Sender<()>) -> io::Result<Self> {
        let sender = NonNull::from(Box::leak(Box::new(Some(sender))));
        let mut registered = Self {
            wait: ptr::null_mut(),
            sender,
        };
        // SAFETY: the callback gets a pointer that stays good until `drop`, which waits for it. The
        // object outlives the registration, since the only caller holds on to both.
        check(unsafe {
            RegisterWaitForSingleObject(
                &raw mut registered.wait,
                object,
                Some(fire),
                sender.as_ptr().cast::<c_void>().cast_const().cast_mut(),
                INFINITE,
                WT_EXECUTEINWAITTHREAD | WT_EXECUTEONLYONCE,
            )
        })?;
        Ok(registered)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        if !self.wait.is_null() {
            // SAFETY: registered once and taken back once. With this event the call returns when
            // no callback runs and none can come.
            unsafe { UnregisterWaitEx(self.wait, INVALID_HANDLE_VALUE) };
        }
        // SAFETY: made from a `Box` in `new`, and nobody else has it any more.
        drop(unsafe { Box::from_raw(self.sender.as_ptr()) });
    }
}

/// # Safety
///
/// `context` is what [`Registered::new`] gave.
unsafe extern "system" fn fire(context: *mut c_void, _timed_out: bool) {
    // SAFETY: it is alive until the registration is dropped, and this comes once at most.
    let sender = unsafe { &mut *context.cast::<Option<oneshot::Sender<()>>>() };
    if let Some(sender) = sender.take() {
        // Who no longer waits needs no waking.
        let _ = sender.send(());
    }
}
