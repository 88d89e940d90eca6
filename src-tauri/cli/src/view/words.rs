//! The state of a service in a few words.

use anstyle::Style;
use jiff::Timestamp;
use pilotlight::model::view::{Light, PhaseName, ServiceView};

use crate::{
    paint::{self, DIM},
    time,
};

/// Where a service is: what became of it, rather than what its light shows.
pub(super) fn state(service: &ServiceView) -> String {
    let is_off = service.light == Light::Off && service.waiting_for.is_empty();
    if service.phase == PhaseName::Stopped && is_off {
        return "stopped".to_owned();
    }
    service.state()
}

/// How the words are painted: those of a service that waits have nothing to say by themselves.
pub(super) fn style(service: &ServiceView) -> Style {
    if service.waiting_for.is_empty() {
        paint::light(service.light)
    } else {
        DIM
    }
}

/// Whether its process runs, or is on its way up or down.
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

/// Whether its present run is more than intended.
pub(super) fn has_begun(service: &ServiceView) -> bool {
    service.phase != PhaseName::Claiming && service.waiting_for.is_empty()
}

/// Whether a time counts while it is as it is.
pub(super) fn is_counting(service: &ServiceView) -> bool {
    matches!(
        service.phase,
        PhaseName::Claiming | PhaseName::Starting | PhaseName::Stopping
    )
}

/// How long it took to become ready, or is taking for what it does.
pub(super) fn took(service: &ServiceView, now: Timestamp) -> Option<String> {
    let since = service.since?;
    match service.phase {
        PhaseName::Ready => {
            let started = service.started.filter(|_| !service.adopted)?;
            Some(time::took(time::since(started, since)))
        }
        // Whole seconds, since it is drawn anew once a second.
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

/// The path as short as a person would write it.
pub(crate) fn path(path: &std::path::Path) -> String {
    let home = std::env::home_dir().filter(|home| home.as_os_str().len() > 1);
    match home.and_then(|home| path.strip_prefix(home).ok().map(ToOwned::to_owned)) {
        Some(rest) => std::path::Path::new("~").join(rest).display().to_string(),
        None => path.display().to_string(),
    }
}
