//! Addresses that a browser requests.

use url::Url;

use crate::{diagnose::evidence::check::CheckFault, model::facts::ProbeFaultKind};

/// Ports that no browser connects to ("bad port",
/// <https://fetch.spec.whatwg.org/#port-blocking>).
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101,
    102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427,
    465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990,
    993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
];

/// Parses an address, and rejects those that a browser does not request.
pub(in crate::effects::check) fn address(text: &str) -> Result<Url, CheckFault> {
    let unusable = |why: String| CheckFault::Plain(ProbeFaultKind::Address(why));
    let url = Url::parse(text).map_err(|error| unusable(error.to_string()))?;
    match url.port() {
        Some(port) if BAD_PORTS.contains(&port) => Err(unusable(format!(
            "no browser connects to port {port}: it is one of the Fetch standard's bad ports"
        ))),
        _ => Ok(url),
    }
}
