//! The index and the size limit of a log while a process writes.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, SystemTime},
};

use pilotlight::{
    effects::log::{Query, Reader, RunLog, ServiceLogs, Watcher, run_indexer},
    model::facts::RunId,
    stack::LogLimits,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{DEADLINE, ROOMY, Service, size, soon, until};

/// The indexer of one log.
struct Control {
    task: JoinHandle<()>,
    cancel: CancellationToken,
}

impl Control {
    fn start(watcher: &Watcher, run: &RunLog, limits: LogLimits) -> Self {
        let cancel = CancellationToken::new();
        let (watcher, run, token) = (watcher.clone(), run.clone(), cancel.clone());
        let task = tokio::spawn(async move { run_indexer(&watcher, &run, limits, token).await });
        Self { task, cancel }
    }

    /// Ends as after the exit of the service.
    async fn finish(self) {
        self.cancel.cancel();
        soon(self.task).await.expect("it ends well");
    }

    /// Ends as with a killed daemon.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

fn stored(run: &RunLog) -> u64 {
    fs::metadata(run.log()).expect("a log").blocks() * 512
}

fn notes(run: &RunLog) -> u64 {
    fs::metadata(run.index()).map_or(0, |index| index.len())
}

/// Files that a script waits for, so that its output is indexed before it writes more.
struct Gates {
    folder: PathBuf,
    opened: usize,
}

impl Gates {
    fn new(service: &Service) -> Self {
        Self {
            folder: service.path("gates"),
            opened: 0,
        }
    }

    /// Returns a script that runs a command this number of times, each after a gate; `$i` counts from 1.
    fn before(&self, command: &str, times: usize) -> String {
        fs::create_dir_all(&self.folder).expect("a folder");
        let gates = self.folder.display();
        let numbers: Vec<_> = (1..=times).map(|number| number.to_string()).collect();
        let numbers = numbers.join(" ");
        format!(
            "for i in {numbers}; do while ! [ -e {gates}/$i ]; do sleep 0.01; done; {command}; done; sleep 1000"
        )
    }

    /// Opens the next gate, and waits until the output after it is indexed.
    async fn open(&mut self, run: &RunLog) {
        let (before, long) = (notes(run), size(run));
        self.opened += 1;
        fs::write(self.folder.join(self.opened.to_string()), "").expect("a gate");
        until("a note", || size(run) > long && notes(run) > before).await;
    }
}

#[tokio::test]
async fn each_line_has_the_time_at_which_it_was_written() {
    let service = Service::new();
    // The script writes one line after each gate, with its time.
    let mut gates = Gates::new(&service);
    let running = service.start(&gates.before("date +%s.%N", 4));
    let daemon = Control::start(&Watcher::new(), &running.run, ROOMY);
    let mut seen = Vec::new();
    for _ in 0..4 {
        gates.open(&running.run).await;
        seen.push(SystemTime::now());
    }
    daemon.finish().await;

    let lines = service.read(Query::default());
    assert_eq!(lines.len(), 4);
    for (line, seen) in lines.iter().zip(seen) {
        let said = Duration::from_secs_f64(line.text.parse().expect("a time"));
        let noted = line.time.expect("a known time");
        assert!(noted <= seen, "the next line has a time of its own");
        // File systems use the time of the kernel's last tick, up to 10 ms ago.
        let noted = noted
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        assert!(noted + Duration::from_millis(20) >= said, "{noted:?}");
    }
}

#[tokio::test]
async fn since_returns_all_later_lines() {
    let service = Service::new();
    let mut gates = Gates::new(&service);
    let parts = "case $i in 1) seq 1 1000 ;; 2) seq 1001 1010 ;; 3) echo 1011 ;; esac";
    let running = service.start(&gates.before(parts, 3));
    let daemon = Control::start(&Watcher::new(), &running.run, ROOMY);
    for _ in 0..3 {
        gates.open(&running.run).await;
        // Ensures that the next part has another time, even with the kernel's tick.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    daemon.finish().await;
    // The last line is not indexed, so the time of its file dates it. File systems use the kernel's last
    // tick, up to 10 ms ago, which must not be before the previous line.
    tokio::time::sleep(Duration::from_millis(50)).await;
    service.write("echo 1012");

    let all = service.read(Query::default());
    let since = |time, tail| {
        let query = Query {
            since: Some(time),
            tail,
            ..Query::default()
        };
        service.texts(query)
    };
    let numbers = |from: u32| (from..=1012).map(|n| n.to_string()).collect::<Vec<_>>();
    let time = |line: usize| all[line].time.expect("a known time");
    let moment = Duration::from_millis(1);
    assert_eq!(since(time(0), None), numbers(1));
    assert_eq!(since(time(999) + moment, None), numbers(1001));
    assert_eq!(since(time(1010), None), numbers(1011));
    assert_eq!(since(time(1010) + moment, None), numbers(1012));
    assert_eq!(since(time(1000), Some(3)), numbers(1010));
    assert_eq!(since(time(1010), Some(30)), numbers(1011));
    assert!(since(time(1011) + moment, None).is_empty());
}

#[tokio::test]
async fn the_oldest_part_of_a_large_run_is_freed_and_the_rest_begins_with_a_complete_line() {
    let service = Service::new();
    let limit = 256 * 1024;
    let mut running = service.start("seq 1 1000000");
    let limits = LogLimits {
        runs: 2,
        size: limit,
    };
    let daemon = Control::start(&Watcher::new(), &running.run, limits);
    until("the end", || {
        running.child.try_wait().expect("a child").is_some()
    })
    .await;
    daemon.finish().await;

    assert_eq!(size(&running.run), 6_888_896, "offsets stay");
    let stored = stored(&running.run);
    assert!(
        stored < limit + limit / 8 + 64 * 1024,
        "{stored} bytes on the disk"
    );

    let lines = service.texts(Query::default());
    let first: u32 = lines[0].parse().expect("a number");
    assert!(first > 900_000);
    let expected: Vec<_> = (first..=1_000_000).map(|n| n.to_string()).collect();
    assert_eq!(lines, expected);
    let kept: usize = lines.iter().map(|line| line.len() + 1).sum();
    assert!(
        kept as u64 > limit - 64,
        "no more is freed than necessary: {kept}"
    );

    let tail = Query {
        tail: Some(usize::MAX),
        ..Query::default()
    };
    assert_eq!(service.texts(tail), expected, "the same from the other end");

    // Without the index it begins at the start of the file: up to a block earlier, or a line later.
    fs::remove_file(running.run.index()).expect("an index");
    let lines = service.texts(Query::default());
    let first: u32 = lines[0].parse().expect("a whole number");
    assert!(lines.len() + 1 >= expected.len() && lines.len() < expected.len() + 4096);
    let expected: Vec<_> = (first..=1_000_000).map(|n| n.to_string()).collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_flood_never_uses_much_more_disk_than_the_limit() {
    let service = Service::new();
    let limits = LogLimits {
        runs: 2,
        size: 1 << 20,
    };
    let mut running = service.start("stdbuf -oL seq 1 8000000");
    let daemon = Control::start(&Watcher::new(), &running.run, limits);
    let mut most = 0;
    until("the end", || {
        most = most.max(stored(&running.run));
        running.child.try_wait().expect("a child").is_some()
    })
    .await;
    daemon.finish().await;
    let written = size(&running.run);
    assert_eq!(written, 62_888_896);
    assert!(most < written / 4, "up to {most} bytes on the disk");
    assert!(notes(&running.run) < 1 << 20);
}

#[tokio::test]
async fn lines_written_without_a_daemon_have_times_between_their_neighbours() {
    let service = Service::new();
    let gate = service.path("gate");
    let script = format!(
        "pass() {{ while ! [ -e {0}$1 ]; do sleep 0.01; done; }}
         echo one; pass 1; echo two; pass 2; echo three; pass 3",
        gate.display()
    );
    let running = service.start(&script);
    let watcher = Watcher::new();
    let open = |number: u32| fs::write(format!("{}{number}", gate.display()), "").expect("a gate");

    let daemon = Control::start(&watcher, &running.run, ROOMY);
    until("one is noted", || notes(&running.run) >= 32).await;
    daemon.kill().await;
    open(1);
    until("two is written", || size(&running.run) == 8).await;
    let before_the_next = SystemTime::now();

    let daemon = Control::start(&watcher, &running.run, ROOMY);
    until("two is noted", || notes(&running.run) >= 48).await;
    open(2);
    until("three is noted", || notes(&running.run) >= 64).await;
    daemon.finish().await;

    let lines = service.read(Query::default());
    let times: Vec<_> = lines.iter().map(|line| line.time.expect("known")).collect();
    assert_eq!(times.len(), 3);
    assert!(times.is_sorted());
    assert!(
        times[1] <= before_the_next,
        "when it was written, not when it was noted"
    );
}

#[tokio::test]
async fn an_invalid_index_is_quarantined_and_later_lines_have_times() {
    let service = Service::new();
    let gate = service.path("gate");
    let running = service.start(&format!(
        "echo one; while ! [ -e {} ]; do sleep 0.01; done; echo two; sleep 60",
        gate.display()
    ));
    until("one is written", || size(&running.run) == 4).await;
    fs::write(running.run.index(), "this is no index").expect("writable");
    let daemon = Control::start(&Watcher::new(), &running.run, ROOMY);
    until("a new index", || notes(&running.run) >= 32).await;
    fs::write(&gate, "").expect("a gate");
    until("two is written", || size(&running.run) == 8).await;
    daemon.finish().await;

    let lines = service.read(Query::default());
    assert_eq!(lines[0].time, None);
    assert!(lines[1].time.is_some());
    let aside = running.run.index().with_extension("index.damaged");
    assert_eq!(
        fs::read_to_string(aside).expect("set aside"),
        "this is no index"
    );
}

#[tokio::test]
async fn a_torn_record_is_overwritten() {
    let service = Service::new();
    let run = service.write("echo one");
    let daemon = Control::start(&Watcher::new(), &run, ROOMY);
    daemon.finish().await;
    let mut index = fs::read(run.index()).expect("an index");
    assert_eq!(index.len(), 32);
    index.extend([7; 9]);
    fs::write(run.index(), index).expect("writable");
    fs::write(run.log(), "one\ntwo\n").expect("writable");

    let daemon = Control::start(&Watcher::new(), &run, ROOMY);
    daemon.finish().await;
    assert_eq!(notes(&run), 48);
    assert!(
        service
            .read(Query::default())
            .iter()
            .all(|line| line.time.is_some())
    );
}

#[tokio::test]
async fn a_truncated_log_continues() {
    let service = Service::new();
    let gate = service.path("gate");
    let running = service.start(&format!(
        "seq 1 1000; while ! [ -e {} ]; do sleep 0.01; done; echo after; sleep 60",
        gate.display()
    ));
    let daemon = Control::start(&Watcher::new(), &running.run, ROOMY);
    until("a note", || notes(&running.run) >= 32).await;
    fs::File::create(running.run.log()).expect("emptied");
    fs::write(&gate, "").expect("a gate");
    until("more is written", || size(&running.run) == 6).await;
    daemon.finish().await;
    let lines = service.read(Query::default());
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0].text, "after");
}

#[tokio::test]
async fn a_deleted_log_ends_its_indexing() {
    let service = Service::new();
    let running = service.start("echo one; sleep 60");
    let daemon = Control::start(&Watcher::new(), &running.run, ROOMY);
    until("a note", || notes(&running.run) >= 32).await;
    fs::remove_dir_all(service.logs.folder()).expect("deleted");
    daemon.finish().await;
}

#[tokio::test]
async fn a_thousand_logs_are_indexed_with_one_watcher() {
    let services: Vec<_> = (0..1_000).map(|_| Service::new()).collect();
    let watcher = Watcher::new();
    let files_before = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let mut daemons = Vec::new();
    let mut runs = Vec::new();
    for service in &services {
        let run = RunId(1);
        drop(service.logs.create(run).expect("a log"));
        runs.push(service.logs.run(run));
        daemons.push(Control::start(&watcher, &service.logs.run(run), ROOMY));
    }
    for run in &runs {
        fs::write(run.log(), "line\n").expect("writable");
    }
    for run in &runs {
        until("a note", || notes(run) >= 32).await;
    }
    let files = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    assert!(
        files < files_before + 200,
        "{files} open files, {files_before} before"
    );
    for daemon in daemons {
        daemon.finish().await;
    }
}

/// A file system of 1 MiB, which is unmounted with the test.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1M", "pilotlight-test"])
            .arg(folder.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        mounted.then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_only_loses_lines_and_times() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!(
            "SKIPPED: a_full_disk_only_loses_lines_and_times: no right to mount a small tmpfs"
        );
        return;
    };
    let service = Service {
        logs: ServiceLogs::open(disk.0.path().join("service")),
        folder: tempfile::tempdir().expect("a folder"),
    };
    let gate = service.path("gate");
    let full = service.path("full");
    // 7 MB into 1 MiB: seq fails, the script continues.
    let mut running = service.start(&format!(
        "echo first; stdbuf -oL seq 1 1000000 2>/dev/null; touch {}; while ! [ -e {} ]; do sleep 0.01; done; echo last",
        full.display(),
        gate.display()
    ));
    let daemon = Control::start(&Watcher::new(), &running.run, ROOMY);
    until("the disk is full", || full.exists()).await;
    let more = fs::write(disk.0.path().join("more"), [0; 8192]);
    let full = more.expect_err("no room").kind();
    assert_eq!(full, std::io::ErrorKind::StorageFull);
    assert!(!daemon.task.is_finished(), "the daemon lives");
    let lines = service.texts(Query::default());
    assert_eq!(lines[..2], ["first", "1"]);

    // With space again, the service and its times continue.
    fs::File::create(running.run.log()).expect("emptied");
    fs::write(&gate, "").expect("a gate");
    let ended = tokio::time::timeout(DEADLINE, async {
        while running.child.try_wait().expect("a child").is_none() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    ended.await.expect("it ends");
    daemon.finish().await;
    let mut reader = Reader::open(&service.logs, Query::default()).expect("readable");
    let lines: Vec<_> = reader.by_ref().map(|line| line.expect("a line")).collect();
    let last = lines.last().expect("a line");
    assert_eq!(last.text, "last");
    assert!(last.time.is_some());
}
