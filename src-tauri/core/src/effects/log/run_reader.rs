//! Reads the log of one run: forward by lines, and backward to find where to begin.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    time::SystemTime,
};

use super::{
    Line, RunLog,
    index::{Damage, Index},
    line::{BLOCK, LONGEST, after_newline, shown, whole_part},
    stamp,
};
use crate::{model::facts::RunId, platform::file};

/// Reads one log up to its size at the last check. Holds at most two blocks in memory.
#[derive(Debug)]
pub(super) struct RunReader {
    log: RunLog,
    file: File,
    index: Index,
    damage: Option<Damage>,
    /// Bytes of the file from `position - buffer.len()` to `position`. Those from `given` on were
    /// not returned yet.
    buffer: Vec<u8>,
    given: usize,
    position: u64,
    /// The end of the readable part.
    end: u64,
    /// Whether each line begins with its time.
    stamped: bool,
    /// Whether the next part continues an incomplete line.
    continues: bool,
    /// The number of bytes that were discarded before they were read.
    missed: u64,
    /// Whether only the beginning of a line longer than [`LONGEST`] is returned.
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
        // Read after the size, so that it covers at least as much unless its daemon has exited.
        let (mut index, damage) = Index::load(log.index())?;
        index.observe(extent.size, extent.modified, 0);
        Ok(Self {
            stamped: log.is_stamped(),
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

    /// Returns the log.
    pub(super) fn log(&self) -> &RunLog {
        &self.log
    }

    /// Returns why some times are unknown.
    pub(super) fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// Returns the number of bytes that were discarded unread since the last call.
    pub(super) fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.missed)
    }

    /// Continues at an offset, which must be the beginning of a line.
    pub(super) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.buffer.clear();
        self.given = 0;
        self.position = offset;
        self.continues = false;
        self.left_out = None;
        self.file.seek(SeekFrom::Start(offset))?;
        Ok(())
    }

    /// Returns the offset of the first byte that was not returned yet.
    pub(super) fn offset(&self) -> u64 {
        self.position - (self.buffer.len() - self.given) as u64
    }

    /// Returns the end of an incomplete line, if there is one.
    pub(super) fn rest_ends(&self) -> Option<u64> {
        (self.given < self.buffer.len()).then_some(self.position)
    }

    /// Updates the size of the log. Returns whether it has grown.
    pub(super) fn check_growth(&mut self) -> io::Result<bool> {
        let extent = file::extent(&self.file)?;
        if extent.size < self.position {
            // Another process has truncated the file.
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

    /// Returns the next complete line, or a part of one that is too long.
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
                    // The newline of a line that was already returned.
                    searched = self.given;
                    continue;
                }
                return Ok(Some(line));
            }
            searched = self.buffer.len() - self.given;
            if !self.fill()? {
                return Ok(None);
            }
            // The buffer is shorter if data was discarded meanwhile.
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

    /// Returns the incomplete line, if it is `wanted`. A partial character or a possible part of
    /// the line end is left for later, unless the log is complete.
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

    /// Returns the buffer up to `end`, and removes the newline there if the line is complete.
    fn give(&mut self, end: usize, complete: bool) -> Line {
        let mut bytes = &self.buffer[self.given..end];
        let mut time = None;
        if self.stamped
            && !self.continues
            && let Some((stamp, rest)) = stamp::split(bytes)
        {
            (time, bytes) = (Some(stamp), rest);
        }
        let text = String::from_utf8_lossy(shown(bytes)).into_owned();
        self.given = end + usize::from(complete);
        Line {
            run: self.log.run(),
            time: time.or_else(|| self.index.time_of(self.offset())),
            text,
            continues: std::mem::replace(&mut self.continues, !complete),
            complete,
            left_out: 0,
        }
    }

    /// Reads another block. Returns `false` at the end.
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

    /// Zeros may have been written by the service, or be data that was discarded meanwhile.
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

    /// Returns the offset of the last `lines` lines, and their number. Reads backward, and no
    /// farther than needed.
    pub(super) fn tail(&mut self, lines: usize) -> io::Result<(u64, usize)> {
        let begins = self.begins()?;
        if lines == 0 || self.end <= begins {
            return Ok((self.end, 0));
        }
        let mut last = [0];
        self.file.seek(SeekFrom::Start(self.end - 1))?;
        self.file.read_exact(&mut last)?;
        // The newline of the last line is not the end of a previous one.
        let to = self.end - u64::from(last == [b'\n']);
        let (start, ends) = back(&mut self.file, begins, to, lines)?;
        Ok((start, (ends + 1).min(lines)))
    }

    /// Returns the last line as far as it is written, with the number of omitted bytes. Searches
    /// only data written since the last call and reads only the beginning of the line, so that even
    /// a flood costs little and each line is read only once.
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
        // The newline of the last line is not the end of a previous one.
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

    /// Returns the offset of the first line that may have been written at `time` or later.
    pub(super) fn since(&mut self, time: SystemTime) -> io::Result<u64> {
        let begins = self.begins()?;
        let Some(offset) = self.index.since(time) else {
            return Ok(self.end);
        };
        let offset = offset.clamp(begins, self.end.max(begins));
        // It may be in the middle of a line that was completed later.
        Ok(back(&mut self.file, begins, offset, 1)?.0)
    }
}

/// The known start of the last line of a log.
#[derive(Debug, Default)]
pub(super) struct LastLine {
    run: Option<RunId>,
    begins: u64,
    /// The position up to which line ends have been searched.
    searched: u64,
}

/// Returns the offset at which a log begins. If the index does not contain it, this is the first
/// line that is certainly complete.
fn begins(file: &mut File, index: &Index, end: u64) -> io::Result<u64> {
    let kept = file::first_kept(file)?;
    if kept <= index.begins() {
        return Ok(index.begins().min(end));
    }
    Ok(after_newline(file, kept, end)?.unwrap_or(kept.min(end)))
}

/// Searches backward from `to` for `lines` newlines, not before `from`. Returns the offset after
/// the last one found, and their number.
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
