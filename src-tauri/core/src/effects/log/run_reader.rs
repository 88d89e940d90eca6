//! Reads the log of one run, forward as lines, and backward to find where to begin.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    time::SystemTime,
};

use super::{
    Line, RunLog,
    index::{Damage, Index},
    line::{LONGEST, shown, whole_part},
};
use crate::{model::facts::RunId, platform::file};

/// What is read at a time.
const BLOCK: usize = 64 * 1024;

/// Reads one log up to where it was written when it was last looked at. Holds at most two blocks
/// of it in memory.
#[derive(Debug)]
pub(super) struct RunReader {
    log: RunLog,
    file: File,
    index: Index,
    damage: Option<Damage>,
    /// Bytes of the file from `position - buffer.len()` to `position`, read and not given yet from
    /// `given` on.
    buffer: Vec<u8>,
    given: usize,
    position: u64,
    /// Read up to here.
    end: u64,
    /// Whether the next part goes on with a line of which a part was given.
    continues: bool,
    /// Bytes that were let go before they were read.
    missed: u64,
    /// Whether of a line longer than [`LONGEST`] only the beginning is given.
    shortens: bool,
    /// The number of bytes of the current line omitted so far, once the line is too long.
    left_out: Option<u64>,
}

impl RunReader {
    /// Opens a log at its beginning.
    pub(super) fn open(log: RunLog) -> io::Result<Self> {
        let mut reader = Self::open_anywhere(log)?;
        let begins = reader.begins()?;
        reader.go_to(begins)?;
        Ok(reader)
    }

    /// Opens a log; [`go_to`](Self::go_to) sets the position.
    fn open_anywhere(log: RunLog) -> io::Result<Self> {
        let file = File::open(log.log())?;
        let extent = file::extent(&file)?;
        // After the size, so that it reaches at least as far unless its daemon is gone.
        let (mut index, damage) = Index::load(log.index())?;
        index.observe(extent.size, extent.modified, 0);
        Ok(Self {
            log,
            file,
            index,
            damage,
            buffer: Vec::new(),
            given: 0,
            position: 0,
            end: extent.size,
            continues: false,
            missed: 0,
            shortens: false,
            left_out: None,
        })
    }

    /// Limits each line longer than [`LONGEST`] to its beginning, followed by the number of omitted
    /// bytes.
    pub(super) fn shorten(&mut self) {
        self.shortens = true;
    }

    /// The log that is read.
    pub(super) fn log(&self) -> &RunLog {
        &self.log
    }

    /// Why some times are not known.
    pub(super) fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// How many bytes were let go since the last call before they were read.
    pub(super) fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// Goes on reading at an offset, which is to be the beginning of a line.
    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.buffer.clear();
        self.given = 0;
        self.position = offset;
        self.continues = false;
        self.left_out = None;
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(())
    }

    /// Where what was not given yet begins.
    pub(super) fn offset(&self) -> u64 {
        self.position - (self.buffer.len() - self.given) as u64
    }

    /// Where a line goes on whose end is not there yet, if there is one.
    pub(super) fn rest_ends(&self) -> Option<u64> {
        (self.given < self.buffer.len()).then_some(self.position)
    }

    /// Looks how far the log has been written by now. Whether that is farther than before.
    pub(super) fn look(&mut self) -> io::Result<bool> {
        let extent = file::extent(&self.file)?;
        if extent.size < self.position {
            // Somebody emptied the file.
            self.index = Index::default();
            self.end = 0;
            self.go_to(0)?;
        }
        let offset = self.offset();
        self.index.observe(extent.size, extent.modified, offset);
        let grown = extent.size > self.end;
        self.end = extent.size;
        Ok(grown)
    }

    /// The next line whose end is there, or part of a line that is too long.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line>> {
        if self.left_out.is_some() {
            return self.pass_rest();
        }
        let mut searched = self.given;
        loop {
            let newline = memchr::memchr(b'\n', &self.buffer[searched..]).map(|at| searched + at);
            if newline.unwrap_or(self.buffer.len()) - self.given > LONGEST {
                let part = whole_part(&self.buffer[self.given..self.given + LONGEST]);
                self.left_out = self.shortens.then_some(0);
                return Ok(Some(self.give(self.given + part, false)));
            }
            if let Some(end) = newline {
                let line = self.give(end, true);
                if line.continues && line.text.is_empty() {
                    // The end of a line that has been given but for its end.
                    searched = self.given;
                    continue;
                }
                return Ok(Some(line));
            }
            searched = self.buffer.len() - self.given;
            if !self.fill()? {
                return Ok(None);
            }
            // What was let go meanwhile took the search with it.
            searched = searched.min(self.buffer.len());
        }
    }

    /// Skips the rest of a line that is too long. At its end, a line reports the number of skipped
    /// bytes.
    fn pass_rest(&mut self) -> io::Result<Option<Line>> {
        loop {
            let rest = &self.buffer[self.given..];
            let end = memchr::memchr(b'\n', rest);
            let passed = end.unwrap_or(rest.len());
            *self.left_out.get_or_insert(0) += passed as u64;
            self.given += passed;
            if end.is_some() {
                let left_out = self.left_out.take().unwrap_or(0);
                let line = self.give(self.given, true);
                return Ok(Some(Line { left_out, ..line }));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// What there is of the line whose end is not there yet, if it is `wanted`. Unless no more can
    /// come, what may be half a character or half the end of the line is left for later.
    pub(super) fn take_rest(
        &mut self,
        no_more: bool,
        wanted: impl FnOnce(&Line) -> bool,
    ) -> Option<Line> {
        if let Some(left_out) = self.left_out.filter(|left_out| no_more && *left_out > 0) {
            self.left_out = Some(0);
            let line = self.give(self.given, false);
            return Some(Line { left_out, ..line }).filter(wanted);
        }
        let rest = &self.buffer[self.given..];
        let part = if no_more {
            rest.len()
        } else {
            whole_part(rest)
        };
        if part == 0 {
            return None;
        }
        let before = (self.given, self.continues);
        let line = self.give(self.given + part, false);
        if wanted(&line) {
            return Some(line);
        }
        (self.given, self.continues) = before;
        None
    }

    /// Gives what goes up to `end` in the buffer, and takes the newline there away if it is a whole.
    fn give(&mut self, end: usize, complete: bool) -> Line {
        let text = String::from_utf8_lossy(shown(&self.buffer[self.given..end])).into_owned();
        self.given = end + usize::from(complete);
        Line {
            run: self.log.run(),
            time: self.index.time_of(self.offset()),
            text,
            continues: std::mem::replace(&mut self.continues, !complete),
            complete,
            left_out: 0,
        }
    }

    /// Reads a block more. `false` at the end.
    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.drain(..self.given);
        self.given = 0;
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(false);
        }
        let old = self.buffer.len();
        self.buffer.resize(old + left.min(BLOCK), 0);
        let read = self.file.read(&mut self.buffer[old..])?;
        self.buffer.truncate(old + read);
        self.position += read as u64;
        if memchr::memchr(0, &self.buffer[old..]).is_some() {
            self.pass_hole()?;
        }
        Ok(read > 0)
    }

    /// Zeros may be what the service wrote or what was let go under the reader's eyes.
    fn pass_hole(&mut self) -> io::Result<()> {
        let offset = self.offset();
        let position = self.position;
        let kept = file::first_kept(&self.file)?;
        self.file.seek(SeekFrom::Start(position))?;
        if kept <= offset {
            return Ok(());
        }
        let (index, _) = Index::load(self.log.index())?;
        let begins = begins(&mut self.file, &index, self.end)?;
        self.missed += begins.saturating_sub(offset);
        self.go_to(begins.max(offset))
    }

    fn begins(&mut self) -> io::Result<u64> {
        begins(&mut self.file, &self.index, self.end)
    }

    /// Where the last `lines` lines begin, and how many there are, reading backward and only that
    /// far.
    pub(super) fn tail(&mut self, lines: usize) -> io::Result<(u64, usize)> {
        let begins = self.begins()?;
        if lines == 0 || self.end <= begins {
            return Ok((self.end, 0));
        }
        let mut last = [0];
        self.file.seek(SeekFrom::Start(self.end - 1))?;
        self.file.read_exact(&mut last)?;
        // The end of the last line is not the end of one before.
        let to = self.end - u64::from(last == [b'\n']);
        let (start, ends) = back(&mut self.file, begins, to, lines)?;
        Ok((start, (ends + 1).min(lines)))
    }

    /// Returns the last line as far as it is written, with the number of omitted bytes. Only data
    /// written since the last call is searched, and only the beginning of the line is read, so that a
    /// flood costs no more than a look at its end and each line is read only once.
    pub(super) fn last_line(log: RunLog, known: &mut LastLine) -> io::Result<Option<Line>> {
        let mut reader = Self::open_anywhere(log)?;
        reader.shorten();
        let end = reader.end;
        if known.run != Some(reader.log.run()) || end < known.searched {
            *known = LastLine {
                run: Some(reader.log.run()),
                begins: 0,
                searched: 0,
            };
        }
        let kept = file::first_kept(&reader.file)?.min(end);
        if end <= kept {
            return Ok(None);
        }
        let mut last = [0];
        reader.file.seek(SeekFrom::Start(end - 1))?;
        reader.file.read_exact(&mut last)?;
        // The end of the last line is not the end of the previous one.
        let to = end - u64::from(last == [b'\n']);
        let (begins, ends) = back(&mut reader.file, known.searched.max(kept), to, 1)?;
        if ends > 0 {
            known.begins = begins;
        }
        known.begins = known.begins.max(kept);
        known.searched = to;
        reader.go_to(known.begins)?;
        let line = match reader.next_line()? {
            None => reader.take_rest(true, |_| true),
            line => line,
        };
        Ok(line.map(|line| Line {
            complete: last == [b'\n'],
            left_out: to.saturating_sub(reader.offset()),
            ..line
        }))
    }

    /// Where the lines begin that may have been written at `time` or later.
    pub(super) fn since(&mut self, time: SystemTime) -> io::Result<u64> {
        let begins = self.begins()?;
        let Some(offset) = self.index.since(time) else {
            return Ok(self.end);
        };
        let offset = offset.clamp(begins, self.end.max(begins));
        // It may lie in the middle of a line, which was then completed later.
        Ok(back(&mut self.file, begins, offset, 1)?.0)
    }
}

/// The start of the last line of a log, as far as it is known.
#[derive(Debug, Default)]
pub(super) struct LastLine {
    run: Option<RunId>,
    begins: u64,
    /// The position up to which line ends have been searched.
    searched: u64,
}

/// Where a log begins. Without an index that knows, it is the first line that certainly is whole.
fn begins(file: &mut File, index: &Index, end: u64) -> io::Result<u64> {
    let kept = file::first_kept(file)?;
    if kept <= index.begins() {
        return Ok(index.begins().min(end));
    }
    let mut at = kept;
    file.seek(SeekFrom::Start(at))?;
    let mut block = vec![0; BLOCK];
    while at < end {
        let read = file.read(&mut block)?;
        if read == 0 {
            break;
        }
        if let Some(newline) = memchr::memchr(b'\n', &block[..read]) {
            return Ok(at + newline as u64 + 1);
        }
        at += read as u64;
    }
    Ok(kept.min(end))
}

/// Goes back from `to` over `lines` ends of lines, not before `from`. Where the line after the last
/// of them begins, and how many there were.
fn back(file: &mut File, from: u64, to: u64, lines: usize) -> io::Result<(u64, usize)> {
    let mut block = vec![0; BLOCK];
    let mut at = to;
    let mut found = 0;
    while at > from {
        let length = usize::try_from(at - from).map_or(BLOCK, |left| left.min(BLOCK));
        at -= length as u64;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut block[..length])?;
        for newline in memchr::memrchr_iter(b'\n', &block[..length]) {
            found += 1;
            if found == lines {
                return Ok((at + newline as u64 + 1, found));
            }
        }
    }
    Ok((from, found))
}
