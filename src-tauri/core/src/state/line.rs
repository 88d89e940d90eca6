//! One line of the journal: `<version> <sum> <json>`. The checksum detects every kind of damage.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::RecordedRun;
use crate::{
    fs::fingerprint::fingerprint,
    model::facts::{RunId, StackId},
    stack::{Mode, ServiceName},
};

/// The version of the lines.
const VERSION: &str = "1";

/// A change of the recorded state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// A run has started or changed.
    Started {
        /// The boot of the machine.
        boot: Option<String>,
        #[serde(flatten)]
        running: RecordedRun,
    },
    /// A run has ended.
    Ended {
        stack: StackId,
        service: ServiceName,
        run: RunId,
    },
    /// A stack is running. The text of its file is stored next to the journal.
    Stack {
        id: StackId,
        #[serde(with = "crate::fs::native_text")]
        file: PathBuf,
        mode: Mode,
    },
    /// A stack is no longer running.
    Forgotten { id: StackId },
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// The line is truncated or overwritten.
    Garbled,
    /// Another version of the program wrote it.
    OtherVersion,
}

impl Entry {
    /// Formats the line, with its newline.
    pub(super) fn to_line(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string(self)?;
        Ok(format!("{VERSION} {:016x} {json}\n", sum(json.as_bytes())))
    }

    /// Parses a line without its newline.
    pub(super) fn from_line(line: &[u8]) -> Result<Self, Damage> {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        let (Some(version), Some(written), Some(json)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Damage::Garbled);
        };
        if written != format!("{:016x}", sum(json)).as_bytes() {
            return Err(Damage::Garbled);
        }
        if version != VERSION.as_bytes() {
            return Err(Damage::OtherVersion);
        }
        serde_json::from_slice(json).map_err(|_| Damage::OtherVersion)
    }
}

fn sum(json: &[u8]) -> u64 {
    fingerprint(&[json])
}
