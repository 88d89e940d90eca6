use std::{fs, path::PathBuf};

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::{control::Lock, fs::home::Home, state::line::Entry};

struct Fixture {
    folder: TempDir,
    lock: Lock,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(&Home::under(folder.path()).unwrap()).unwrap();
        Self { folder, lock }
    }

    fn open(&self) -> (Journal, Remembered) {
        Journal::open(&self.lock)
    }

    fn state(&self, name: &str) -> PathBuf {
        self.folder.path().join("state").join(name)
    }

    fn file(&self) -> PathBuf {
        self.state("running.journal")
    }
}

fn stack() -> StackId {
    StackId("nexus-1234abcd".to_owned())
}

fn running(service: &str, run: u64) -> RecordedRun {
    RecordedRun {
        stack: stack(),
        service: service.into(),
        run: RunId(run),
        process: Process {
            pid: 4242,
            started: 1_234_567 + run,
        },
        container: None,
        port: Port::new(6379),
        since: Timestamp::from_second(1_767_952_800).unwrap(),
        ready: false,
        daemon: false,
    }
}

fn nothing() -> Remembered {
    Remembered::default()
}

#[test]
fn a_new_home_remembers_nothing() {
    let home = Fixture::new();
    assert_eq!(home.open().1, nothing());
}

#[test]
fn a_run_is_on_disk_as_soon_as_it_is_recorded() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    journal.started(running("redis", 1));
    journal.started(running("backend", 1));
    journal.started(running("backend", 2));
    journal.ended(&stack(), &"backend".into(), RunId(1));

    // The first daemon closes nothing: it is killed.
    let (_, remembered) = home.open();
    assert_eq!(
        remembered.running,
        [running("backend", 2), running("redis", 1)]
    );
    assert_eq!(remembered.quarantine, []);
}

#[test]
fn a_later_record_replaces_the_earlier_one_of_the_run() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    journal.started(running("redis", 1));
    let ready = RecordedRun {
        ready: true,
        daemon: true,
        ..running("redis", 1)
    };
    journal.started(ready.clone());
    assert_eq!(home.open().1.running, [ready]);
}

#[test]
fn a_stack_is_remembered_with_the_text_that_was_applied() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    let file = PathBuf::from("/srv/nexus/pilotlight.toml");
    journal.stack(&stack(), &file, Mode::Development, "name = \"old\"");
    journal.stack(&stack(), &file, Mode::Production, "name = \"new\"");
    // A daemon that has exited has no open files, whether it was killed or not.
    drop(journal);
    let (mut journal, remembered) = home.open();
    assert_eq!(
        remembered.stacks,
        [RememberedStack {
            id: stack(),
            file,
            mode: Mode::Production,
            text: Some("name = \"new\"".to_owned()),
        }]
    );

    journal.forget_stack(&stack());
    drop(journal);
    assert_eq!(home.open().1, nothing());
    assert_eq!(
        fs::read_dir(home.state("stacks")).unwrap().count(),
        0,
        "a copy may hold secrets"
    );
}

#[test]
fn a_copy_left_by_a_killed_daemon_is_removed() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    journal.stack(&stack(), "/a.toml".as_ref(), Mode::Development, "kept");
    let stray = home.state("stacks/gone-00000000.toml");
    fs::write(&stray, "secret").unwrap();
    let (_, remembered) = home.open();
    assert!(!stray.exists());
    assert_eq!(remembered.stacks[0].text.as_deref(), Some("kept"));
}

#[cfg(unix)]
#[test]
fn only_the_user_can_read_the_state() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    journal.stack(&stack(), "/a.toml".as_ref(), Mode::Development, "secret");
    let mode = |path: PathBuf| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(home.file()), 0o600);
    assert_eq!(mode(home.state("stacks")), 0o700);
    assert_eq!(mode(home.state("stacks/nexus-1234abcd.toml")), 0o600);
}

#[test]
fn runs_from_before_the_last_boot_are_reported_as_over() {
    let home = Fixture::new();
    let boot = |id: &str| Some(id.to_owned());
    let (mut journal, _) = Journal::open_in(&home.lock, boot("monday"));
    journal.started(running("redis", 1));
    drop(journal);
    let (_, remembered) = Journal::open_in(&home.lock, boot("tuesday"));
    assert_eq!(remembered.running, []);
    assert_eq!(remembered.before_boot, [running("redis", 1)]);
    let (_, remembered) = Journal::open_in(&home.lock, boot("tuesday"));
    assert_eq!(remembered, nothing());
}

#[test]
fn only_a_truncated_line_is_lost_and_its_file_is_kept() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    journal.started(running("redis", 1));
    journal.started(running("backend", 1));
    let whole = fs::read(home.file()).unwrap();
    fs::write(home.file(), &whole[..whole.len() - 20]).unwrap();

    let (mut journal, remembered) = home.open();
    assert_eq!(remembered.running, [running("redis", 1)]);
    let [aside] = &remembered.quarantine[..] else {
        panic!("nothing was said: {remembered:?}")
    };
    assert_eq!(aside.path.file_name(), home.file().file_name());
    assert_eq!(fs::read(&aside.kept_as).unwrap(), whole[..whole.len() - 20]);

    journal.started(running("backend", 2));
    let (_, remembered) = home.open();
    assert_eq!(remembered.quarantine, []);
    assert_eq!(remembered.running.len(), 2);
}

#[test]
fn another_type_of_file_is_moved_aside_and_reported() {
    let garbage = [&b"\x7fELF\0\0\xff"[..], b"{\"running\": []}\n", b"\n\n\n"];
    for (number, content) in garbage.iter().enumerate() {
        let home = Fixture::new();
        fs::write(home.file(), content).unwrap();
        let (mut journal, remembered) = home.open();
        assert_eq!(remembered.running, [], "{number}");
        let kept_as = &remembered.quarantine[0].kept_as;
        assert_eq!(fs::read(kept_as).unwrap(), *content, "{number}");
        journal.started(running("redis", 1));
        assert_eq!(home.open().1.running, [running("redis", 1)]);
    }
}

#[test]
fn a_folder_or_a_huge_file_in_its_place_is_moved_aside_unread() {
    let home = Fixture::new();
    fs::create_dir_all(home.file().join("full")).unwrap();
    let (journal, remembered) = home.open();
    assert!(remembered.quarantine[0].kept_as.join("full").is_dir());
    assert_eq!(journal.fault(), None);
    drop(journal);

    let monster = fs::File::create(home.file()).unwrap();
    monster.set_len(1 << 40).unwrap();
    let (journal, remembered) = home.open();
    assert!(remembered.quarantine[0].reason.contains("1099511627776"));
    assert_eq!(journal.fault(), None);
}

#[test]
fn lines_of_a_later_version_are_kept_for_it() {
    let home = Fixture::new();
    let line = Entry::Forgotten { id: stack() }.to_line().unwrap();
    fs::write(home.file(), line.replacen('1', "2", 1)).unwrap();
    let (_, remembered) = home.open();
    assert!(remembered.quarantine[0].reason.contains("another version"));
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_the_journal_is_kept_in_memory() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    journal.started(running("redis", 1));

    // A path without its folder cannot be written, like a full disk.
    let (state, away) = (home.state(""), home.folder.path().join("away"));
    fs::rename(&state, &away).unwrap();
    fs::write(home.folder.path().join("state"), "in the way").unwrap();
    journal.stack(&stack(), "/a.toml".as_ref(), Mode::Development, "text");
    journal.started(running("backend", 1));
    assert!(journal.fault().is_some());

    fs::remove_file(home.folder.path().join("state")).unwrap();
    fs::rename(&away, &state).unwrap();
    journal.started(running("frontend", 1));
    assert_eq!(journal.fault(), None);
    let (_, remembered) = home.open();
    assert_eq!(remembered.running.len(), 3);
    assert_eq!(remembered.stacks[0].text.as_deref(), Some("text"));
}

#[test]
fn a_journal_of_a_service_that_crashes_all_day_stays_small() {
    let home = Fixture::new();
    let (mut journal, _) = home.open();
    for run in 1..=10_000 {
        journal.started(running("backend", run));
        journal.ended(&stack(), &"backend".into(), RunId(run));
    }
    journal.started(running("redis", 1));
    let size = fs::metadata(home.file()).unwrap().len();
    assert!(size < 2 << 20, "{size} bytes");
    assert_eq!(home.open().1.running, [running("redis", 1)]);
}

/// A kind of damage to a file.
#[derive(Clone, Debug)]
enum Accident {
    Truncate(usize),
    Overwrite(usize, Vec<u8>),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
}

fn accident() -> impl Strategy<Value = Accident> {
    let bytes = || prop::collection::vec(any::<u8>(), 1..40);
    prop_oneof![
        any::<usize>().prop_map(Accident::Truncate),
        (any::<usize>(), bytes()).prop_map(|(at, with)| Accident::Overwrite(at, with)),
        (any::<usize>(), bytes()).prop_map(|(at, what)| Accident::Insert(at, what)),
        (any::<usize>(), 1..200_usize).prop_map(|(at, length)| Accident::Remove(at, length)),
    ]
}

fn strike(file: &mut Vec<u8>, accident: Accident) {
    let place = |at: usize| at % (file.len() + 1);
    match accident {
        Accident::Truncate(at) => file.truncate(place(at)),
        Accident::Overwrite(at, with) => {
            let at = place(at);
            let end = (at + with.len()).min(file.len());
            file[at..end].copy_from_slice(&with[..end - at]);
        }
        Accident::Insert(at, what) => {
            let at = place(at);
            file.splice(at..at, what);
        }
        Accident::Remove(at, length) => {
            let at = place(at);
            let end = (at + length).min(file.len());
            file.drain(at..end);
        }
    }
}

proptest! {
    #[test]
    fn only_written_entries_are_remembered(
        written in prop::collection::vec((0..4_u64, any::<bool>()), 1..30),
        accidents in prop::collection::vec(accident(), 0..4),
    ) {
        let home = Fixture::new();
        let (mut journal, _) = home.open();
        let mut all = Vec::new();
        for (number, (service, ends)) in written.into_iter().enumerate() {
            let running = running(&format!("service-{service}"), number as u64);
            all.push(running.clone());
            journal.started(running.clone());
            if ends {
                journal.ended(&running.stack, &running.service, running.run);
            }
        }
        let (_, before) = home.open();
        let mut file = fs::read(home.file()).unwrap();
        let whole = file.clone();
        for accident in accidents {
            strike(&mut file, accident);
        }
        fs::write(home.file(), &file).unwrap();

        let (_, remembered) = home.open();
        prop_assert!(remembered.running.iter().all(|running| all.contains(running)));
        if file == whole {
            prop_assert_eq!(remembered, before);
        } else {
            prop_assert!(remembered.running.len() <= all.len());
        }
    }
}
