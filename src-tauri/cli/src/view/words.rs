//! The state of a service in the terminal: its style, its times and its figures.

use anstyle::Style;
use jiff::Timestamp;
use pilotlight::model::view::{PhaseName, ServiceView};

use crate::{
    paint::{self, DIM},
    time,
};

/// Returns the style of the state. A waiting service is dimmed.
pub(super) fn style(service: &ServiceView) -> Style {
    if service.waiting_for.is_empty() {
        paint::light(service.light)
    } else {
        DIM
    }
}

/// Returns whether its process is running, starting or stopping.
pub(super) fn is_active(service: &ServiceView) -> bool {
    match service.phase {
        PhaseName::Claiming
        | PhaseName::Starting
        | PhaseName::Ready
        | PhaseName::Unhealthy
        | PhaseName::Stopping => true,
        PhaseName::Stopped | PhaseName::Backoff | PhaseName::Blocked | PhaseName::Failed => false,
    }
}

/// Returns whether its current run has begun.
pub(super) fn has_begun(service: &ServiceView) -> bool {
    service.phase != PhaseName::Claiming && service.waiting_for.is_empty()
}

/// Returns whether the time in its phase is shown.
pub(super) fn is_counting(service: &ServiceView) -> bool {
    matches!(
        service.phase,
        PhaseName::Claiming | PhaseName::Starting | PhaseName::Stopping
    )
}

/// Returns how long it took to become ready, or how long its phase has lasted.
pub(super) fn took(service: &ServiceView, now: Timestamp) -> Option<String> {
    let since = service.since?;
    match service.phase {
        PhaseName::Ready => {
            let started = service.started.filter(|_| !service.adopted)?;
            Some(time::took(time::since(started, since)))
        }
        // Whole seconds, since it is redrawn once a second.
        _ if is_counting(service) => Some(time::age(time::since(since, now))),
        _ => None,
    }
}

pub(super) fn bytes(number: u64) -> String {
    const MIB: u64 = 1 << 20;
    match number {
        0..MIB => format!("{} KiB", number >> 10),
        number if number < 1000 * MIB => format!("{} MiB", number >> 20),
        number => format!("{}.{} GiB", number >> 30, ((number % (1 << 30)) * 10) >> 30),
    }
}
