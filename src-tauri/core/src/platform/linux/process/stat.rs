//! One line of `/proc` (`proc_pid_stat(5)`).

use std::{
    hash::{DefaultHasher, Hasher as _},
    time::Duration,
};

use super::TICKS_PER_SECOND;
use crate::platform::Usage;

/// `PF_KTHREAD` of the kernel's `sched.h`: a kernel thread, not a program.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// The needed fields of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    state: u8,
    /// The PID of its parent.
    pub(super) parent: u32,
    /// The ID of its process group.
    pub(super) group: u32,
    /// The device of its terminal; 0 if it has none.
    pub(super) terminal: i32,
    flags: u32,
    threads: u32,
    /// User and system time, in clock ticks.
    cpu_ticks: u64,
    /// Memory in RAM, in pages.
    pages: u64,
    /// Start time in clock ticks since boot.
    pub(super) started: u64,
    /// Identifies the program; changes with `execve(2)`.
    pub(super) image: Image,
}

/// Distinguishes the current program of a process from an earlier one: the name, and the start of
/// its code and stack, which the kernel randomizes each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Image(u64);

impl Stat {
    /// Parses a line. The program name, the second field, may contain spaces and brackets, so the
    /// fields are counted from the last bracket.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let end_of_name = line.iter().rposition(|byte| *byte == b')')?;
        let (name, line) = line.split_at(end_of_name + 1);
        let line = std::str::from_utf8(line).ok()?;
        let mut fields = line.split_ascii_whitespace();
        // `nth` counts from the field after the last one read. The manual counts from 1; the state
        // is field 3.
        Some(Self {
            state: *fields.next()?.as_bytes().first()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            terminal: fields.nth(1)?.parse().ok()?,
            flags: fields.nth(1)?.parse().ok()?,
            cpu_ticks: fields.nth(4)?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?,
            threads: fields.nth(4)?.parse().ok()?,
            started: fields.nth(1)?.parse().ok()?,
            pages: fields.nth(1)?.parse().ok()?,
            image: Image::of(name, fields.skip(1).take(3)),
        })
    }

    /// Returns whether it is a running program, not a kernel thread.
    pub(super) fn is_alive(&self) -> bool {
        !self.is_dead() && !self.is_of_the_kernel()
    }

    /// Returns the CPU time and memory of all its threads.
    pub(super) fn usage(&self) -> Usage {
        // SAFETY: takes an integer and returns one.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        let page = u64::try_from(page).unwrap_or(0);
        Usage {
            memory_bytes: self.pages * page,
            cpu_time: Duration::from_millis(self.cpu_ticks * 1000 / TICKS_PER_SECOND),
        }
    }

    pub(super) fn is_of_the_kernel(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// Returns whether all threads have exited. If only the first thread has, it is listed as a
    /// zombie.
    fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }
}

impl Image {
    fn of<'a>(name: &[u8], places: impl Iterator<Item = &'a str>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(name);
        for place in places {
            hasher.write(place.as_bytes());
            hasher.write_u8(b' ');
        }
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_brackets_and_spaces_in_its_name() {
        let line = b"42 (a) Z 1 (b) S 7 40 39 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 987654 1 2\n";
        let stat = Stat::parse(line).expect("a line of the kernel's form");
        assert_eq!((stat.parent, stat.group), (7, 40));
        assert_eq!((stat.state, stat.threads), (b'S', 3));
        assert_eq!((stat.flags, stat.started), (4_194_304, 987_654));
        assert_eq!((stat.cpu_ticks, stat.pages), (5 + 6, 2));
    }

    #[test]
    fn a_new_program_in_the_same_process_has_another_image() {
        let image = |name: &str, stack: u64| {
            let line = format!(
                "42 ({name}) S 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 9 1 2 18 4096 8192 {stack} 0"
            );
            let stat = Stat::parse(line.as_bytes());
            stat.expect("a line of the kernel's form").image
        };
        assert_eq!(image("sh", 500), image("sh", 500));
        assert_ne!(image("sh", 500), image("sh", 501));
        assert_ne!(image("sh", 500), image("node", 500));
    }

    #[test]
    fn a_process_lives_while_any_of_its_threads_does() {
        let line = |threads: u8| {
            let line = format!("42 (x) Z 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 {threads} 0 9 1 2");
            Stat::parse(line.as_bytes()).expect("a line of the kernel's form")
        };
        assert!(line(1).is_dead());
        assert!(!line(2).is_dead());
    }

    #[test]
    fn an_incomplete_line_is_no_process() {
        assert_eq!(Stat::parse(b"42 (x) S 7 40"), None);
        assert_eq!(Stat::parse(b""), None);
    }
}
