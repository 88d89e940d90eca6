//! The journal of changes, one line each. It is rewritten from the current state when it is opened
//! and when it has grown.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{
    RecordedRun, Remembered,
    line::{Damage, Entry},
    snapshot::JournalState,
    texts::Texts,
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

/// The number of bytes by which a journal may grow before it is rewritten. It may always grow to
/// eight times its size after the last rewrite.
const GROWTH: u64 = 1 << 20;

/// The size of the largest valid journal.
const LARGEST: u64 = 64 << 20;

/// Records the active runs in a file. Never fails: a change that cannot be written is kept in
/// memory, one warning is logged, and everything is written as soon as the disk allows it.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    copies: Texts,
    consents: Consents,
    boot: Option<String>,
    truth: JournalState,
    /// Open for appending; `None` after a failure, since the file may end in a partial line.
    file: Option<File>,
    /// The number of bytes appended since the last rewrite, and the number written then.
    grown: u64,
    whole: u64,
    fault: Option<String>,
    /// Only the daemon may write.
    _lock: Lock,
}

impl Journal {
    /// Opens the journal of the locked home. Unreadable files are quarantined, and runs from before
    /// the last boot are dropped; the result lists both.
    #[must_use]
    pub fn open(lock: &Lock) -> (Self, Remembered) {
        Self::open_in(lock, local::boot_id())
    }

    pub(super) fn open_in(lock: &Lock, boot: Option<String>) -> (Self, Remembered) {
        let folder = lock.home().state();
        let mut journal = Self {
            path: folder.join("running.journal"),
            copies: Texts::copies(folder),
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

    /// Records a new or changed run. Replaces earlier information about this run. Call it before
    /// the start is reported.
    pub fn started(&mut self, running: RecordedRun) {
        self.record(Entry::Started {
            boot: self.boot.clone(),
            running,
        });
    }

    /// Records the end of a run, with its whole tree.
    pub fn ended(&mut self, stack: &StackId, service: &ServiceName, run: RunId) {
        self.record(Entry::Ended {
            stack: stack.clone(),
            service: service.clone(),
            run,
        });
    }

    /// Records that a stack is running with this text of its file. Call it before its first start.
    pub fn stack(&mut self, id: &StackId, file: &Path, mode: Mode, text: &str) {
        // A user who starts a stack also allows its other actions.
        if !self.consents.has(id, text)
            && let Err(error) = self.consents.give(id, text)
        {
            tracing::warn!(
                "the start of {} cannot be recorded: {error}",
                file.display()
            );
        }
        let kept = self.copies.write(id, text);
        self.record(Entry::Stack {
            id: id.clone(),
            file: file.to_owned(),
            mode,
        });
        self.truth.note_text(id, text, kept.is_ok());
        if let Err(error) = kept {
            self.say(&format!(
                "no copy of {} can be kept: {error}",
                file.display()
            ));
        }
    }

    /// Records that a stack is no longer running.
    pub fn forget_stack(&mut self, id: &StackId) {
        self.record(Entry::Forgotten { id: id.clone() });
        if let Err(error) = self.copies.remove(id) {
            tracing::warn!("failed to remove the copy of stack {id}: {error}");
        }
    }

    /// Rewrites the whole journal after its files were deleted.
    pub fn restore(&mut self) {
        self.truth.owe_copies();
        self.write_anew();
    }

    /// Returns why the journal is only in memory (for example because the disk is full).
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
        self.grown += appended.as_ref().copied().unwrap_or_default();
        // After a failure, the file may end in a partial line.
        if appended.is_err() || self.grown > GROWTH.max(7 * self.whole) {
            self.write_anew();
        }
    }

    /// Replaces the file with the current state.
    fn write_anew(&mut self) {
        // Closed first, since Windows does not replace an open file.
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
                    tracing::info!("the journal can be written again");
                }
            }
            Err(error) => {
                let path = self.path.display();
                self.say(&format!("{path} cannot be written: {error}"));
            }
        }
    }

    /// Logs a fault once, until it is over.
    fn say(&mut self, fault: &str) {
        if self.fault.is_none() {
            tracing::warn!("{fault}; a daemon that is killed now loses track of its services");
            self.fault = Some(fault.to_owned());
        }
    }

    fn read(&mut self) -> Vec<Quarantined> {
        let reason = match read_limited(&self.path) {
            Ok(text) => match self.truth.read(&text) {
                None => return Vec::new(),
                Some(Damage::Garbled) => "some of it is damaged".to_owned(),
                Some(Damage::OtherVersion) => {
                    "another version of Pilot Light wrote some of it".to_owned()
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => format!("it cannot be read: {error}"),
        };
        match quarantine(&self.path, reason) {
            Ok(aside) => vec![aside],
            Err(error) => {
                let path = self.path.display();
                self.say(&format!("{path} cannot be moved aside: {error}"));
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
    fn a_change_that_could_not_be_appended_is_in_the_rewritten_file() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(&Home::under(folder.path()).unwrap()).unwrap();
        let (mut journal, _) = Journal::open(&lock);
        // Opened read-only, so that writing fails as on a full disk.
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
