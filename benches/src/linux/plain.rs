//! The lower bound: the same services by plain fork+exec.

use std::process::Child;

use super::{Result, service::Service, stage::Stage};

/// Services that this program starts itself, and kills and reaps on drop.
pub(crate) struct Plain(Vec<Child>);

impl Plain {
    /// Starts them in a tight loop with `posix_spawn`, each with its output redirected to a file.
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
            // It may have exited by itself, but it must be reaped.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
