//! The machine: the functions of [`crate::platform::unix::host`], and the processes that the kernel
//! killed for memory.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Read},
    os::unix::fs::OpenOptionsExt as _,
    time::Duration,
};

use rustix::{fs::OFlags, time::ClockId};

use crate::platform::OomKill;
pub(crate) use crate::platform::unix::host::{
    disk_available, login_shell, open_files_limit, user_name,
};

/// Returns how long the machine has slept since its boot (`clock_gettime(2)`: only one of the two
/// clocks includes that time).
pub(crate) fn slept() -> Duration {
    let [with, without] = [ClockId::Boottime, ClockId::Monotonic].map(|clock| {
        let time = rustix::time::clock_gettime(clock);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
    });
    with.saturating_sub(without)
}

/// Returns the processes that the kernel killed for memory, as far as its log (kmsg) goes back and
/// is readable.
pub(crate) fn killings() -> Vec<OomKill> {
    let flags = OFlags::NONBLOCK.bits();
    let kmsg = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open("/dev/kmsg");
    kmsg.map(|kmsg| records(kmsg).collect()).unwrap_or_default()
}

/// Reads one record at a time until no more is available now. Skips records that were overwritten
/// meanwhile (`EPIPE`).
fn records(mut kmsg: File) -> impl Iterator<Item = OomKill> {
    let mut buffer = vec![0; 8 * 1024];
    std::iter::from_fn(move || {
        loop {
            match kmsg.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => return Some(killing(&String::from_utf8_lossy(&buffer[..length]))),
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                Err(_) => return None,
            }
        }
    })
    .flatten()
}

/// `6,1234,5678,-;Out of memory: Killed process 4242 (python) total-vm:…`
fn killing(record: &str) -> Option<OomKill> {
    let (_, line) = record.lines().next()?.split_once(';')?;
    let (before, after) = line.split_once("Killed process ")?;
    let is_for_memory = before.to_ascii_lowercase().contains("out of memory");
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    is_for_memory.then_some(OomKill {
        pid: digits.parse().ok()?,
        line: line.to_owned(),
    })
}

/// Returns the number of processes killed for memory so far, in this control group (cgroup-v2
/// `memory.events`, cgroup-v1 `memory.oom_control`) or on the machine (`/proc/vmstat`), and the
/// name of the counter.
pub(crate) fn killing_count() -> Option<(u64, String)> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_group = groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        match controllers {
            "" => count(&format!("/sys/fs/cgroup{path}/memory.events")),
            "memory" => count(&format!("/sys/fs/cgroup/memory{path}/memory.oom_control")),
            _ => None,
        }
    });
    let of_namespace = || {
        let unified = count("/sys/fs/cgroup/memory.events");
        unified.or_else(|| count("/sys/fs/cgroup/memory/memory.oom_control"))
    };
    of_group
        .or_else(of_namespace)
        .or_else(|| count("/proc/vmstat"))
}

fn count(file: &str) -> Option<(u64, String)> {
    let text = fs::read_to_string(file).ok()?;
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())?;
    Some((number, format!("oom_kill of {file}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_log_names_the_killed_process() {
        let record = "3,881,95134,-;Memory cgroup out of memory: Killed process 4242 (python) total-vm:1kB\n SUBSYSTEM=x";
        let found = killing(record).unwrap();
        assert_eq!(found.pid, 4242);
        assert!(
            found
                .line
                .starts_with("Memory cgroup out of memory: Killed")
        );
        assert_eq!(killing("6,1,2,-;usb 1-1: new device"), None);
        assert_eq!(killing("6,1,2,-;Killed process 7 (x) by hand"), None);
    }

    #[test]
    fn the_counter_has_a_name() {
        let (_, name) = killing_count().unwrap();
        assert!(name.starts_with("oom_kill of /"), "{name}");
    }

    #[test]
    fn disk_space_and_the_file_limit_are_known() {
        assert!(disk_available(&std::env::temp_dir()).unwrap() > 0);
        assert_ne!(open_files_limit(None), Some(0));
        let own = std::process::id();
        assert_eq!(open_files_limit(Some(own)), open_files_limit(None));
    }
}
