//! Waits for kernel objects, with a thread of the system's pool.

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

/// Returns whether the object is signalled now: a process has exited, an event is set.
pub(super) fn is_signalled(object: &impl AsRawHandle) -> bool {
    // SAFETY: the handle is open as long as `object`; a time limit of zero does not wait.
    unsafe { WaitForSingleObject(raw(object), 0) == WAIT_OBJECT_0 }
}

/// Waits until the object is signalled. Cancel-safe. Fails only if the system has no memory.
pub(super) async fn signalled(object: &(impl AsRawHandle + Sync)) -> io::Result<()> {
    let (sender, receiver) = oneshot::channel();
    let registered = Registered::new(raw(object), sender)?;
    // The sender is dropped with the registration, which still exists.
    let _ = receiver.await;
    drop(registered);
    Ok(())
}

/// A wait in the system's pool, until it is dropped.
struct Registered {
    wait: HANDLE,
    /// From a `Box`, freed on drop.
    sender: NonNull<Option<oneshot::Sender<()>>>,
}

// SAFETY: the handle may be used from any thread, and only the callback uses the sender until it
// can no longer run.
unsafe impl Send for Registered {}
// SAFETY: a shared reference has no methods.
unsafe impl Sync for Registered {}

impl Registered {
    fn new(object: HANDLE, sender: oneshot::Sender<()>) -> io::Result<Self> {
        let sender = NonNull::from(Box::leak(Box::new(Some(sender))));
        let mut registered = Self {
            wait: ptr::null_mut(),
            sender,
        };
        // SAFETY: the callback gets a pointer that is valid until `drop`, which waits for it. The
        // object outlives the registration, since the only caller holds both.
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
            // SAFETY: registered once and unregistered once. With this event the call returns when
            // no callback runs or can run.
            unsafe { UnregisterWaitEx(self.wait, INVALID_HANDLE_VALUE) };
        }
        // SAFETY: created from a `Box` in `new`, and not used elsewhere.
        drop(unsafe { Box::from_raw(self.sender.as_ptr()) });
    }
}

/// # Safety
///
/// `context` is the pointer of [`Registered::new`].
unsafe extern "system" fn fire(context: *mut c_void, _timed_out: bool) {
    // SAFETY: it is valid until the registration is dropped, and this runs at most once.
    let sender = unsafe { &mut *context.cast::<Option<oneshot::Sender<()>>>() };
    if let Some(sender) = sender.take() {
        // The task may no longer wait.
        let _ = sender.send(());
    }
}
