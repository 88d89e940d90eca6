//! One line of `/proc` (`proc_pid_stat(5)`).

/// `PF_KTHREAD` of the kernel's `sched.h`: a thread of the kernel, not a program.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// What is needed of `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    state: u8,
    /// The number of its parent.
    pub(super) parent: u32,
    /// The number of its group.
    pub(super) group: u32,
    flags: u32,
    threads: u32,
    /// In clock ticks since the machine started.
    pub(super) started: u64,
}

impl Stat {
    /// The name of the program, second in the line, may itself hold spaces and brackets: the
    /// fields are counted from the last bracket.
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let end_of_name = line.iter().rposition(|byte| *byte == b')')?;
        let line = std::str::from_utf8(&line[end_of_name + 1..]).ok()?;
        let mut fields = line.split_ascii_whitespace();
        // `nth` counts from the field after the last one taken; the manual counts from 1, and the
        // state is its third.
        Some(Self {
            state: *fields.next()?.as_bytes().first()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            flags: fields.nth(3)?.parse().ok()?,
            threads: fields.nth(10)?.parse().ok()?,
            started: fields.nth(1)?.parse().ok()?,
        })
    }

    /// Whether it is a program that runs, and not a thread of the kernel.
    pub(super) fn is_alive(&self) -> bool {
        !self.is_dead() && !self.is_of_the_kernel()
    }

    /// Whether it is a thread of the kernel.
    pub(super) fn is_of_the_kernel(&self) -> bool {
        self.flags & KERNEL_THREAD != 0
    }

    /// A first thread that has ended shows as a zombie while others still run.
    fn is_dead(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x') && self.threads <= 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_brackets_and_spaces_in_its_name() {
        let line = b"42 (a) Z 1 (b) S 7 40 39 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 987654 1 2\n";
        assert_eq!(
            Stat::parse(line),
            Some(Stat {
                state: b'S',
                parent: 7,
                group: 40,
                flags: 4_194_304,
                threads: 3,
                started: 987_654,
            })
        );
    }

    #[test]
    fn a_process_whose_first_thread_has_ended_still_lives_by_the_others() {
        let line = |threads: u8| {
            let line = format!("42 (x) Z 7 40 39 0 -1 0 1 2 3 4 5 6 7 8 20 0 {threads} 0 9 1 2");
            Stat::parse(line.as_bytes()).expect("a line of the kernel's form")
        };
        assert!(line(1).is_dead());
        assert!(!line(2).is_dead());
    }

    #[test]
    fn half_a_line_is_no_process() {
        assert_eq!(Stat::parse(b"42 (x) S 7 40"), None);
        assert_eq!(Stat::parse(b""), None);
    }
}
