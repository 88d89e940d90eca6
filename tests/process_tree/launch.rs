//! Launching programs, and the errors of a launch.

use std::fs::{self, File};

use pilotlight::{
    effects::{
        log::ServiceLogs,
        process::{launch, mark_of, seal_descriptors},
    },
    model::facts::{Exit, LaunchFault, RunId},
};
use rustix::process::getpgid;

use crate::stage::{SOON, Service, Stage, append, script, soon};

#[tokio::test]
async fn a_service_starts_in_its_directory_with_an_empty_input() {
    let stage = Stage::new("directory");
    let service = stage
        .launch(&["/bin/sh", "-c", "pwd -P; echo $PWD; wc -c"])
        .await;
    assert_eq!(soon(service.tree.exited()).await, Exit::Code(0));
    let folder = stage.folder.path().canonicalize().unwrap();
    let expected = format!(
        "{}\n{}\n0\n",
        folder.display(),
        stage.folder.path().display()
    );
    assert_eq!(service.printed(), expected);
}

#[tokio::test]
async fn a_service_leads_a_group_and_has_its_mark() {
    let stage = Stage::new("mark");
    let service = stage
        .serve("--env PILOTLIGHT_SERVICE --env PYTHONUNBUFFERED --print ready")
        .await;
    service.ready().await;
    let mark = service.tree.mark();
    let expected = format!("PILOTLIGHT_SERVICE={mark}\nPYTHONUNBUFFERED=1\nready\n");
    assert_eq!(service.printed(), expected);
    let first = service.tree.first().unwrap();
    assert_eq!(mark_of(first).as_ref(), Some(mark));
    let pid = rustix::process::Pid::from_raw(first.pid.cast_signed());
    assert_eq!(getpgid(pid).ok(), pid);
}

#[tokio::test]
async fn settings_for_python_in_the_environment_are_kept() {
    let stage = Stage::new("python");
    let mut prepared = stage.prepare(&["/bin/sh", "-c", "echo \"<$PYTHONUNBUFFERED>\""]);
    prepared.environment.set("PYTHONUNBUFFERED", "");
    let service = stage.start(prepared).await;
    soon(service.tree.exited()).await;
    assert_eq!(service.printed(), "<>\n");
}

#[tokio::test]
async fn a_service_gets_an_open_input_and_is_asked_for_colours() {
    let stage = Stage::new("terminal");
    // A closed input would be readable.
    let words =
        "import os, select\nprint(os.environ['FORCE_COLOR'], select.select([0], [], [], 0)[0])";
    let mut prepared = stage.prepare(&["python3", "-c", words]);
    for name in ["NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE"] {
        prepared.environment.remove(name);
    }
    prepared.colors = true;
    let logs = ServiceLogs::open(stage.folder.path().to_owned());
    prepared.input = Some(logs.create_input(RunId(1)).unwrap());
    let service = stage.start(prepared).await;
    soon(service.tree.exited()).await;
    assert_eq!(service.printed(), "1 []\n");
}

#[tokio::test]
async fn a_service_that_wants_no_colours_is_not_asked_for_them() {
    for (name, value) in [("NO_COLOR", "1"), ("FORCE_COLOR", "0")] {
        let stage = Stage::new("colours");
        let mut prepared = stage.prepare(&["/bin/sh", "-c", "echo \"<$FORCE_COLOR$PY_COLORS>\""]);
        for name in ["NO_COLOR", "FORCE_COLOR", "PY_COLORS"] {
            prepared.environment.remove(name);
        }
        prepared.environment.set(name, value);
        prepared.colors = true;
        let service = stage.start(prepared).await;
        soon(service.tree.exited()).await;
        let expected = if name == "NO_COLOR" { "<>\n" } else { "<0>\n" };
        assert_eq!(service.printed(), expected);
    }
}

#[tokio::test]
async fn output_and_errors_are_appended_in_their_order() {
    let stage = Stage::new("output");
    let mut prepared = stage.prepare(&["/bin/sh", "-c", "echo 1; echo 2 >&2; echo 3"]);
    let log = stage.folder.path().join("log");
    fs::write(&log, "0\n").unwrap();
    prepared.output = append(&log);
    let service = stage.start(prepared).await;
    soon(service.tree.exited()).await;
    assert_eq!(fs::read_to_string(log).unwrap(), "0\n1\n2\n3\n");
}

#[tokio::test]
async fn a_service_only_inherits_its_output_and_its_tag() {
    let stage = Stage::new("descriptors");
    let inherited = File::open("/dev/null").unwrap();
    let leaking = rustix::io::dup(&inherited).unwrap();
    seal_descriptors();
    let service = stage
        .launch(&["/bin/sh", "-c", "ls /proc/$$/fd; true"])
        .await;
    soon(service.tree.exited()).await;
    assert_eq!(service.printed(), "0\n1\n198\n2\n");
    drop(leaking);
}

#[tokio::test]
async fn a_service_does_not_inherit_ignored_signals() {
    let stage = Stage::new("ignored");
    let service = stage
        .launch(&["/bin/sh", "-c", "cat /proc/self/status"])
        .await;
    soon(service.tree.exited()).await;
    // The standard library makes this process ignore SIGPIPE.
    let own = fs::read_to_string("/proc/self/status").unwrap();
    assert_ne!(ignored_signals(&own), 0);
    assert_eq!(ignored_signals(&service.printed()), 0);
}

fn ignored_signals(status: &str) -> u64 {
    let mut lines = status.lines();
    let signals = lines.find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
    // glibc uses the two signals after SIGSYS itself.
    u64::from_str_radix(signals.trim(), 16).unwrap() & 0x7fff_ffff
}

#[tokio::test]
async fn every_kind_of_exit_is_reported_to_all_current_and_later_waiters() {
    let stage = Stage::new("exits");
    for (line, expected) in [
        ("exit 0", Exit::Code(0)),
        ("exit 3", Exit::Code(3)),
        ("kill -SEGV $$", Exit::Signal(11)),
        ("kill -KILL $$", Exit::Signal(9)),
    ] {
        let service = stage.launch(&["/bin/sh", "-c", line]).await;
        let tree = service.tree.clone();
        let other = tokio::spawn(async move { tree.exited().await });
        assert_eq!(soon(service.tree.exited()).await, expected, "{line}");
        assert_eq!(soon(other).await.unwrap(), expected, "{line}");
        assert_eq!(soon(service.tree.exited()).await, expected, "{line}");
        assert_eq!(service.tree.exit(), Some(expected), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_immediate_exits_are_all_noticed() {
    let stage = Stage::new("at-once");
    let mut services: Vec<Service> = Vec::new();
    for number in 0..200 {
        services.push(stage.serve(&format!("--exit {number}")).await);
    }
    for (number, service) in services.iter().enumerate() {
        let expected = Exit::Code(i32::try_from(number).unwrap());
        assert_eq!(soon(service.tree.exited()).await, expected);
    }
}

#[tokio::test]
async fn a_cancelled_wait_loses_no_exit() {
    let stage = Stage::new("given-up");
    let service = stage.serve("--sigterm 4 --print ready").await;
    service.ready().await;
    for _ in 0..3 {
        let waiting = service.tree.exited();
        let given_up = tokio::time::timeout(std::time::Duration::from_millis(5), waiting);
        assert!(given_up.await.is_err());
    }
    stage.stop(&service, SOON).await;
    assert_eq!(soon(service.tree.exited()).await, Exit::Code(4));
}

#[tokio::test]
async fn a_missing_program_is_reported_with_a_suggestion() {
    let stage = Stage::new("not-found");
    let folder = stage.folder.path();
    script(&folder.join("bin/pilot-frobnicate"), "#!/bin/sh\n");
    script(&folder.join("node_modules/.bin/pilot-vite"), "#!/bin/sh\n");
    script(&folder.join("run.sh"), "#!/bin/sh\n");
    let near = async |word: &str| {
        let mut prepared = stage.prepare(&[word]);
        let path = format!("{}:/nowhere", folder.join("bin").display());
        prepared.environment.set("PATH", path);
        match launch(prepared).await {
            Err(LaunchFault::CommandNotFound { program, near }) if program == word => near,
            other => panic!("{word}: {other:?}"),
        }
    };
    assert_eq!(near("pilot-frobnicat").await, ["pilot-frobnicate"]);
    assert_eq!(near("pilot-vite").await, ["node_modules/.bin/pilot-vite"]);
    assert_eq!(near("./rnu.sh").await, ["./run.sh"]);
    assert_eq!(near("run.sh").await, ["./run.sh"]);
    assert_eq!(near("something-else").await, [""; 0]);
    assert_eq!(near("").await, [""; 0]);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_program_that_is_being_written_is_started_when_it_is_complete() {
    let stage = Stage::new("busy");
    let file = stage.folder.path().join("built");
    script(&file, "#!/bin/sh\n");
    let writing = File::options().append(true).open(&file).unwrap();
    let fault = launch(stage.prepare(&["./built"])).await.err();
    let Some(LaunchFault::Other { message }) = fault else {
        panic!("{fault:?}")
    };
    assert!(message.ends_with("is still being written"), "{message}");

    let written = async {
        tokio::task::yield_now().await;
        drop(writing);
    };
    let (started, ()) = tokio::join!(launch(stage.prepare(&["./built"])), written);
    assert_eq!(soon(started.unwrap().exited()).await, Exit::Code(0));
}

#[tokio::test]
async fn the_path_of_the_service_is_used_relative_to_its_directory() {
    let stage = Stage::new("path");
    script(
        &stage.folder.path().join("tools/greet"),
        "#!/bin/sh\necho $0\n",
    );
    let mut prepared = stage.prepare(&["greet"]);
    prepared.environment.set("PATH", "tools:/usr/bin:/bin");
    let service = stage.start(prepared).await;
    assert_eq!(soon(service.tree.exited()).await, Exit::Code(0));
    assert!(service.printed().ends_with("tools/greet\n"));
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_distinguished_from_a_missing_one() {
    let stage = Stage::new("not-executable");
    let folder = stage.folder.path();
    fs::write(folder.join("data"), "").unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    for word in ["./data", "./folder"] {
        let path = folder.join(word);
        let fault = launch(stage.prepare(&[word])).await.err();
        assert_eq!(fault, Some(LaunchFault::NotExecutable { path }));
    }
}

#[tokio::test]
async fn a_missing_directory_is_reported_for_every_program() {
    let stage = Stage::new("no-directory");
    fs::write(stage.folder.path().join("file"), "").unwrap();
    for directory in ["missing", "file"] {
        for word in ["/bin/sh", "sh", "./run.sh", "no-such-program"] {
            let mut prepared = stage.prepare(&[word]);
            prepared.directory.push(directory);
            let path = prepared.directory.clone();
            let fault = launch(prepared).await.err();
            assert_eq!(
                fault,
                Some(LaunchFault::DirectoryMissing { path }),
                "{word}"
            );
        }
    }
}

#[tokio::test]
async fn a_script_that_cannot_be_started_is_reported_with_the_reason() {
    let stage = Stage::new("scripts");
    for (text, expected) in [
        ("echo no first line\n", "nor a script that begins with #!"),
        ("", "nor a script that begins with #!"),
        (
            "#!/nowhere/python -u\n",
            "the interpreter /nowhere/python of ",
        ),
        (
            "#!/bin/sh\r\necho hello\r\n",
            "interpreter is /bin/sh\\r, which was not found",
        ),
    ] {
        script(&stage.folder.path().join("script"), text);
        match launch(stage.prepare(&["./script"])).await {
            Err(LaunchFault::Other { message }) => {
                assert!(message.contains(expected), "{text:?}: {message}");
            }
            other => panic!("{text:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_empty_command_and_a_null_byte_are_rejected() {
    let stage = Stage::new("words");
    for words in [&[][..], &["/bin/sh", "a\0b"]] {
        let fault = launch(stage.prepare(words)).await.err();
        assert!(
            matches!(fault, Some(LaunchFault::Other { .. })),
            "{fault:?}"
        );
    }
}
