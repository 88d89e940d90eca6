//! One line of the journal: `<version> <sum> <json>`. The sum makes sure that nothing is read that
//! was not written, whatever happened to the file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Running;
use crate::{
    fs::fingerprint::fingerprint,
    model::facts::{RunId, StackId},
    stack::{Mode, ServiceName},
};

/// The version of the lines.
const VERSION: &str = "1";

/// A change of what is remembered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// A run exists, or something about it has changed.
    Started {
        /// Of the machine's present start.
        boot: Option<String>,
        #[serde(flatten)]
        running: Running,
    },
    /// A run is over.
    Ended {
        stack: StackId,
        service: ServiceName,
        run: RunId,
    },
    /// A stack is up. The text of its file is kept beside the journal.
    Stack {
        id: StackId,
        #[serde(with = "crate::fs::native_text")]
        file: PathBuf,
        mode: Mode,
    },
    /// A stack is no longer up.
    Forgotten { id: StackId },
}

/// Why a line cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Something happened to it: it was cut short, or overwritten.
    Garbled,
    /// Another version of the program wrote it.
    OtherVersion,
}

impl Entry {
    /// The line, with its end.
    pub(super) fn to_line(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string(self)?;
        Ok(format!("{VERSION} {:016x} {json}\n", sum(json.as_bytes())))
    }

    /// Reads a line without its end.
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
