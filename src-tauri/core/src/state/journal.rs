//! The journal: a line for each change, appended; written anew from what is true when it is opened
//! and when it has grown.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    Remembered, Running,
    line::{Damage, Entry},
    snapshot::JournalState,
    stacks::Copies,
};
use crate::{
    control::Lock,
    fs::{
        quarantine::{Quarantined, quarantine},
        replace::replace,
    },
    model::facts::{RunId, StackId},
    platform::local,
    stack::{Mode, ServiceName},
    state::consent::Consents,
};

/// A journal is written anew when it has grown by so many bytes, or to eight times what is true.
const GROWTH: u64 = 1 << 20;

/// A file larger than this is none of ours.
const LARGEST: u64 = 64 << 20;

/// What runs, kept in a file as it changes. Never fails: where the disk does not take a change, it
/// goes on in memory, says so once, and writes all of it as soon as the disk takes it again.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    copies: Copies,
    consents: Consents,
    boot: Option<String>,
    truth: JournalState,
    /// Open at the end; `None` after a failure, since the file may end in half a line.
    file: Option<File>,
    /// Bytes appended since it was written anew, and bytes that were written then.
    grown: u64,
    whole: u64,
    fault: Option<String>,
    /// Only the daemon writes.
    _lock: Lock,
}

impl Journal {
    /// Opens the journal of the locked home. What cannot be read is set aside; what ran before the
    /// machine started anew is dropped; both are told.
    #[must_use]
    pub fn open(lock: &Lock) -> (Self, Remembered) {
        Self::open_in(lock, local::boot_id())
    }

    pub(super) fn open_in(lock: &Lock, boot: Option<String>) -> (Self, Remembered) {
        let folder = lock.home().state();
        let mut journal = Self {
            path: folder.join("running.journal"),
            copies: Copies::new(folder.join("stacks")),
            consents: Consents::under(folder),
            boot,
            truth: JournalState::default(),
            file: None,
            grown: 0,
            whole: 0,
            fault: None,
            _lock: lock.clone(),
        };
        let quarantine = journal.read();
        let before_boot = journal.truth.drop_other_boots(journal.boot.as_deref());
        let remembered = Remembered {
            stacks: journal.truth.stacks(&journal.copies),
            running: journal.truth.running(),
            before_boot,
            quarantine,
        };
        if remembered.quarantine.is_empty() && journal.fault.is_none() {
            journal.remove_strays();
        }
        journal.write_anew();
        (journal, remembered)
    }

    /// A run exists, or something about it has changed: what was known of this run is replaced.
    /// To be called before the start is reported to anybody.
    pub fn started(&mut self, running: Running) {
        self.record(Entry::Started {
            boot: self.boot.clone(),
            running,
        });
    }

    /// A run is over, with its whole tree.
    pub fn ended(&mut self, stack: &StackId, service: &ServiceName, run: RunId) {
        self.record(Entry::Ended {
            stack: stack.clone(),
            service: service.clone(),
            run,
        });
    }

    /// A stack is up, by this text of its file. To be called before its first start.
    pub fn stack(&mut self, id: &StackId, file: &Path, mode: Mode, text: &str) {
        // The user who starts a stack also allows its other actions.
        if !self.consents.has(id, text)
            && let Err(error) = self.consents.give(id, text)
        {
            tracing::warn!(
                "failed to remember that {} was started: {error}",
                file.display()
            );
        }
        let kept = self.copies.keep(id, text);
        self.record(Entry::Stack {
            id: id.clone(),
            file: file.to_owned(),
            mode,
        });
        self.truth.note_text(id, text, kept.is_ok());
        if let Err(error) = kept {
            self.say(&format!("keep a copy of {}: {error}", file.display()));
        }
    }

    /// A stack is no longer up.
    pub fn forget_stack(&mut self, id: &StackId) {
        self.record(Entry::Forgotten { id: id.clone() });
        if let Err(error) = self.copies.remove(id) {
            tracing::warn!("failed to remove the copy of stack {id}: {error}");
        }
    }

    /// Rewrites the whole journal, because its files were deleted.
    pub fn restore(&mut self) {
        self.truth.owe_copies();
        self.write_anew();
    }

    /// Why what is remembered is in memory only at present (the disk is full, say).
    #[must_use]
    pub fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    fn record(&mut self, entry: Entry) {
        let line = entry.to_line();
        self.truth.apply(entry);
        let Some(file) = self.file.as_mut().filter(|_| self.fault.is_none()) else {
            return self.write_anew();
        };
        let appended = line
            .map_err(io::Error::from)
            .and_then(|line| file.write_all(line.as_bytes()).map(|()| line.len() as u64));
        match appended {
            Ok(length) => {
                self.grown += length;
                if self.grown > GROWTH.max(7 * self.whole) {
                    self.write_anew();
                }
            }
            // Half a line may stand there now. Only a new file is whole.
            Err(_) => self.write_anew(),
        }
    }

    /// Writes a file of what is true, in place of the old one.
    fn write_anew(&mut self) {
        // Closed first: Windows replaces no file that is open.
        self.file = None;
        let kept = self.truth.keep_owed(&self.copies);
        let written = kept.and_then(|()| {
            let lines = self.truth.to_lines()?;
            replace(&self.path, lines.as_bytes())?;
            let file = local::private_file().append(true).open(&self.path)?;
            Ok((file, lines.len() as u64))
        });
        match written {
            Ok((file, length)) => {
                self.file = Some(file);
                self.grown = 0;
                self.whole = length;
                if self.fault.take().is_some() {
                    tracing::info!("what runs is written down again");
                }
            }
            Err(error) => self.say(&format!("write {}: {error}", self.path.display())),
        }
    }

    /// Says a fault once, and not again until it is over.
    fn say(&mut self, fault: &str) {
        if self.fault.is_none() {
            tracing::warn!("failed to {fault}; a daemon that is killed now forgets what it runs");
            self.fault = Some(fault.to_owned());
        }
    }

    fn read(&mut self) -> Vec<Quarantined> {
        let reason = match read_limited(&self.path) {
            Ok(text) => {
                let damage = self.truth.read(&text);
                match damage {
                    None => return Vec::new(),
                    Some(Damage::Garbled) => "some of it is damaged".to_owned(),
                    Some(Damage::OtherVersion) => {
                        "another version of Pilot Light wrote some of it".to_owned()
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => format!("it cannot be read: {error}"),
        };
        match quarantine(&self.path, reason) {
            Ok(aside) => vec![aside],
            Err(error) => {
                self.say(&format!("set {} aside: {error}", self.path.display()));
                Vec::new()
            }
        }
    }

    fn remove_strays(&self) {
        if let Err(error) = self.copies.remove_others(&self.truth.stack_ids()) {
            tracing::warn!("failed to remove copies of stacks that are not up: {error}");
        }
    }
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs::symlink_metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    if found.len() > LARGEST {
        return Err(io::Error::other(format!("it has {} bytes", found.len())));
    }
    fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::home::Home;

    #[test]
    fn a_change_that_could_not_be_appended_is_in_the_next_file() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(&Home::under(folder.path()).unwrap()).unwrap();
        let (mut journal, _) = Journal::open(&lock);
        // Nothing can be written there, as on a full disk: it is open for reading alone.
        journal.file = Some(File::open(&journal.path).unwrap());
        journal.stack(
            &StackId("nexus-1234abcd".to_owned()),
            Path::new("/a.toml"),
            Mode::Development,
            "",
        );
        assert_eq!(journal.fault(), None);
        assert_eq!(Journal::open(&lock).1.stacks.len(), 1);
    }
}
