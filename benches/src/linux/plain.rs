//! The other side that no manager can beat: the same services by plain fork+exec.

use std::process::Child;

use super::{Result, service::Service, stage::Stage};

/// Services started by this program itself. Dropped, they are killed and reaped.
pub(crate) struct Plain(Vec<Child>);

impl Plain {
    /// Starts them one after the other in a tight loop, by `posix_spawn`, each with its output
    /// redirected to a file of its own.
    pub(crate) fn start(stage: &Stage, services: &[Service]) -> Result<Self> {
        let mut plain = Self(Vec::with_capacity(services.len()));
        for service in services {
            plain.0.push(service.plain(stage)?.spawn()?);
        }
        Ok(plain)
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It may have ended by itself; reaped it is in any case.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
