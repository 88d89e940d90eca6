//! The app state of the tray application with a real daemon: stacks that were never started, changed files, the
//! user's choices, logs.

mod support;

use std::{fs, path::Path, sync::Arc};

use pilotlight::{
    app::{
        AppState,
        settings::{OnQuit, Settings, Theme},
        window::{FileChange, LogLine, LogUpdate},
    },
    control::Outcome,
    model::{
        facts::RunId,
        finding::Action,
        view::{Light, PhaseName, StackView},
    },
};
use serde_json::{Value, from_value, json};
use support::{Bench, within};
use tokio::sync::mpsc;

const TWO: &str = r#"
[service.one]
command = ["sleep", "600"]
[service.two]
command = ["sleep", "600"]
needs = ["one"]
links = { docs = "http://localhost:9/docs" }
"#;

fn app(bench: &Bench) -> AppState {
    let (app, remark) = AppState::open(&bench.home, bench.handle());
    assert_eq!(remark, None);
    app
}

/// Waits until the view of the only stack matches.
async fn until(app: &AppState, so: impl Fn(&StackView) -> bool) -> Arc<StackView> {
    let mut view = app.view();
    let waiting = view.wait_for(|view| view.stacks.first().is_some_and(|stack| so(stack)));
    let view = within("what the app shows", waiting)
        .await
        .expect("the app state");
    view.stacks[0].clone()
}

async fn until_change(app: &AppState, so: impl Fn(Option<&FileChange>) -> bool) {
    let mut stacks = app.stacks();
    let waiting = stacks.wait_for(|stacks| {
        let known = stacks.first();
        known.is_some_and(|known| so(known.change.as_ref()))
    });
    within("what the app shows for the file", waiting)
        .await
        .expect("the app state");
}

#[tokio::test]
async fn a_known_stack_is_shown_before_its_first_start_and_in_the_next_session() {
    let bench = Bench::with(TWO).await;
    let first = app(&bench);
    assert_eq!(first.add(bench.folder.path()).unwrap(), bench.file());
    assert_eq!(
        first.add(&bench.file()).unwrap(),
        bench.file(),
        "twice is once"
    );
    let shown = until(&first, |_| true).await;
    assert_eq!(shown.light, Light::Off);
    let phases: Vec<_> = shown.services.iter().map(|service| service.phase).collect();
    assert_eq!(phases, [PhaseName::Stopped, PhaseName::Stopped]);
    assert_eq!(first.stacks().borrow().len(), 1);
    drop(first);

    let second = app(&bench);
    assert_eq!(until(&second, |_| true).await.name, "test");
}

#[tokio::test]
async fn a_stack_is_started_and_stopped_and_cannot_be_removed_while_it_runs() {
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    let file = bench.file();
    let started = app.start(&file, Vec::new());
    assert_eq!(within("a start", started).await, Outcome::Done);
    until(&app, |stack| stack.light == Light::Green).await;
    assert!(matches!(app.remove(&bench.file()), Outcome::Refused(_)));
    let stopped = app.stop(&file, Vec::new());
    assert_eq!(within("a stop", stopped).await, Outcome::Done);
    until(&app, StackView::is_dark).await;
    assert_eq!(app.remove(&bench.file()), Outcome::Done);
    assert!(app.view().borrow().stacks.is_empty());
    assert!(bench.file().exists());
}

#[tokio::test]
async fn a_stack_that_another_client_starts_is_known_afterwards() {
    let bench = Bench::with(TWO).await;
    let first = app(&bench);
    bench.must_up().await;
    until(&first, |stack| stack.light == Light::Green).await;
    bench.down().await;
    drop(first);
    let second = app(&bench);
    assert_eq!(second.stacks().borrow().len(), 1);
}

#[tokio::test]
async fn a_changed_file_of_a_running_stack_is_offered_and_applied() {
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    bench.must_up().await;
    until(&app, |stack| stack.light == Light::Green).await;
    let (one, two) = (bench.pid("one"), bench.pid("two"));

    bench.write(&TWO.replace(
        "needs = [\"one\"]",
        "needs = [\"one\"]\nstart_timeout = \"9s\"",
    ));
    until_change(&app, |change| {
        change
            == Some(&FileChange::Valid {
                services: vec!["two".into()],
            })
    })
    .await;
    assert_eq!(
        (bench.pid("one"), bench.pid("two")),
        (one, two),
        "only offered"
    );

    bench.write("[service.one]\ncommand = 5\n");
    until_change(&app, |change| {
        matches!(change, Some(FileChange::Invalid { line: Some(3), .. }))
    })
    .await;
    assert!(matches!(
        app.apply_change(&bench.file()).await,
        Outcome::Refused(_)
    ));
    assert_eq!((bench.pid("one"), bench.pid("two")), (one, two));

    fs::remove_file(bench.file()).unwrap();
    until_change(&app, |change| change == Some(&FileChange::Missing)).await;

    bench.write(&TWO.replace("\"600\"]\nneeds", "\"601\"]\nneeds"));
    until_change(&app, |change| {
        matches!(change, Some(FileChange::Valid { .. }))
    })
    .await;
    let file = bench.file();
    let applied = app.apply_change(&file);
    assert_eq!(within("the change", applied).await, Outcome::Done);
    until_change(&app, |change| change.is_none()).await;
    assert_eq!(bench.pid("one"), one, "it has not changed");
    assert_ne!(bench.pid("two"), two);
}

#[tokio::test]
async fn a_stopped_stack_is_shown_as_in_its_current_file() {
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    bench.must_up().await;
    bench.down().await;
    until(&app, StackView::is_dark).await;
    bench.write("[service.other]\ncommand = [\"sleep\", \"600\"]\n");
    let shown = until(&app, |stack| stack.services.len() == 1).await;
    assert_eq!(shown.services[0].name.as_str(), "other");
    until_change(&app, |change| change.is_none()).await;
}

#[tokio::test]
async fn choices_of_the_user_are_stored() {
    let bench = Bench::with(TWO).await;
    let first = app(&bench);
    first.add(&bench.file()).unwrap();
    let chosen = Settings {
        theme: Theme::Dark,
        on_quit: OnQuit::StopAll,
        ..Settings::default()
    };
    assert_eq!(first.set_settings(chosen.clone()), Outcome::Done);
    assert_eq!(first.set_start_at_login(&bench.file(), true), Outcome::Done);
    let unknown = first.set_start_at_login(Path::new("/nowhere.toml"), true);
    assert!(matches!(unknown, Outcome::Refused(_)));
    drop(first);
    let second = app(&bench);
    assert_eq!(*second.settings().borrow(), chosen);
    assert_eq!(second.wanted_at_login(), [bench.file()]);
}

#[tokio::test]
async fn only_pages_that_the_stack_declares_have_an_address() {
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    bench.must_up().await;
    until(&app, |stack| stack.light == Light::Green).await;
    let link = |label| app.link(&bench.file(), &"two".into(), Some(label));
    assert_eq!(link("docs").as_deref(), Some("http://localhost:9/docs"));
    assert_eq!(link("more"), None);
    assert_eq!(
        app.link(&bench.file(), &"two".into(), None),
        None,
        "it has no port"
    );
}

#[tokio::test]
async fn only_proposed_actions_are_carried_out() {
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    let made = bench.path("made");
    let action = Action::Install {
        service: "one".into(),
        command: vec!["touch".into(), made.display().to_string()],
        directory: bench.folder.path().to_owned(),
    };
    assert!(app.preview(&bench.file(), &action).is_err());
    let outcome = app.carry_out(&bench.file(), &action).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert!(!made.exists());
}

#[tokio::test]
async fn a_stack_that_was_never_started_is_diagnosed_and_fixed() {
    let bench =
        Bench::with("[service.one]\ncommand = [\"sleep\", \"600\"]\nenv_file = \".env\"\n").await;
    fs::write(bench.path(".env.example"), "A=1\n").unwrap();
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    let findings = within("a look", app.doctor(&bench.file())).await.unwrap();
    let actions = findings
        .iter()
        .filter_map(|finding| finding.remedy.action.as_ref());
    let copy = actions
        .into_iter()
        .find(|action| matches!(action, Action::CopyFile { .. }))
        .unwrap_or_else(|| panic!("{findings:#?}"));
    assert!(
        app.preview(&bench.file(), copy)
            .unwrap()
            .text
            .starts_with("Copy ")
    );
    assert_eq!(app.carry_out(&bench.file(), copy).await, Outcome::Done);
    assert_eq!(fs::read_to_string(bench.path(".env")).unwrap(), "A=1\n");
}

#[tokio::test]
async fn a_log_is_sent_from_its_beginning_and_followed() {
    let bench = Bench::with(
        "[service.one]\ncommand = [\"sh\", \"-c\", \"seq 1200; until [ -e go ]; do sleep 0.02; done; echo error: more; sleep 600\"]\n",
    )
    .await;
    let app = app(&bench);
    bench.must_up().await;
    let (sender, mut told) = mpsc::unbounded_channel();
    let (following, file) = (app.clone(), bench.file());
    let follow = tokio::spawn(async move {
        let tell = move |update| sender.send(update).is_ok();
        following.follow_log(&file, Vec::new(), tell).await;
    });
    let mut lines: Vec<LogLine> = Vec::new();
    let mut caught_up = false;
    while lines.len() < 1200 || !caught_up {
        match within("a line", told.recv()).await.expect("a follower") {
            LogUpdate::Lines { lines: some } => {
                assert!(some.len() <= 500);
                lines.extend(some);
            }
            LogUpdate::CaughtUp => caught_up = true,
            LogUpdate::Failed { message } => panic!("{message}"),
        }
    }
    assert!(
        lines
            .iter()
            .zip(1_u64..)
            .all(|(line, number)| line.number == number)
    );
    assert_eq!(lines[1199].text, "1200");
    assert_eq!(lines[0].run, RunId(1));
    fs::write(bench.path("go"), "").unwrap();
    let Some(LogUpdate::Lines { lines }) = within("more", told.recv()).await else {
        panic!("no line")
    };
    assert_eq!(lines[0].text, "error: more");
    assert!(lines[0].level.is_some());
    drop(told);
    follow.abort();
}

#[tokio::test]
async fn a_draft_is_written_once_and_its_stack_is_added() {
    let bench = Bench::new().await;
    let app = app(&bench);
    let folder = bench.path("project");
    fs::create_dir(&folder).unwrap();
    let file = folder.canonicalize().unwrap().join("pilotlight.toml");
    let text = "[service.web]\ncommand = \"npm run dev\"\n";
    assert!(app.write_draft(&file, text).is_err(), "not looked at");
    let folder = folder.canonicalize().unwrap();
    app.picked(&folder);
    app.allow_draft(&folder).unwrap();
    assert_eq!(app.write_draft(&file, text).unwrap(), file);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert!(app.knows(&file));
    assert!(app.write_draft(&file, text).is_err(), "it is there");
}

/// The page must not reach other stacks or paths, whatever it requests.
#[tokio::test]
async fn the_page_only_reaches_known_stacks_and_picked_paths() {
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    let secret = bench.path("elsewhere/pilotlight.toml");
    fs::create_dir(bench.path("elsewhere")).unwrap();
    let touches = "[service.x]\ncommand = [\"touch\", \"made\"]\n";
    fs::write(&secret, touches).unwrap();
    fs::create_dir_all(bench.home.logs().join("other")).unwrap();
    fs::write(bench.home.logs().join("other/1.log"), "a secret\n").unwrap();

    // Files of unknown kinds.
    let refused = |outcome: Outcome| assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    for file in [
        secret.as_path(),
        Path::new("/etc/passwd"),
        Path::new("../x.toml"),
        Path::new(""),
    ] {
        refused(app.start(file, Vec::new()).await);
        refused(app.stop(file, Vec::new()).await);
        refused(app.restart(file, vec!["x".into()]).await);
        refused(app.apply_change(file).await);
        refused(app.remove(file));
        refused(app.set_start_at_login(file, true));
        let start = Action::Start {
            service: "x".into(),
        };
        refused(app.carry_out(file, &start).await);
        assert!(app.preview(file, &start).is_err());
        assert!(app.doctor(file).await.is_err());
        assert_eq!(app.withheld(file), None);
        assert_eq!(app.link(file, &"x".into(), None), None);
        assert_eq!(app.log_file(file, &"x".into()), None);
        assert!(!app.knows(file));
        assert!(app.write_draft(file, touches).is_err());
        assert!(app.add_picked(file).is_err());
        assert!(app.allow_draft(file).is_err());
        assert!(followed(&app, file, &[]).await.is_err());
    }
    assert!(app.add_picked(&bench.path("elsewhere")).is_err());
    assert!(app.stacks().borrow().is_empty());
    assert!(!bench.path("elsewhere/made").exists());

    // Names that lead out of the folder of a known stack.
    app.add(&bench.file()).unwrap();
    until(&app, |_| true).await;
    for name in [
        "..",
        "../other",
        "../../logs/other",
        "/etc",
        "",
        "nobody",
        "one/../two",
        "\0",
    ] {
        refused(app.start(&bench.file(), vec![name.into()]).await);
        refused(app.stop(&bench.file(), vec![name.into()]).await);
        refused(
            app.restart(&bench.file(), vec!["one".into(), name.into()])
                .await,
        );
        assert_eq!(app.log_file(&bench.file(), &name.into()), None, "{name}");
        assert_eq!(app.link(&bench.file(), &name.into(), None), None, "{name}");
        assert!(
            followed(&app, &bench.file(), &[name]).await.is_err(),
            "{name}"
        );
    }
    assert!(bench.snapshot().stacks.is_empty(), "nothing was started");

    // A draft is written only into a scanned folder.
    let project = bench.path("elsewhere").canonicalize().unwrap();
    fs::remove_file(&secret).unwrap();
    app.picked(&project);
    app.allow_draft(&project).unwrap();
    for place in [
        "elsewhere/other.toml",
        "elsewhere/../pilotlight.toml",
        "x.toml",
    ] {
        let place = bench.path(place);
        assert!(
            app.write_draft(&place, touches).is_err(),
            "{}",
            place.display()
        );
    }
    assert!(
        app.write_draft(&project.join("pilotlight.toml"), touches)
            .is_ok()
    );
    assert!(app.add_picked(&project).is_ok());
}

#[tokio::test]
async fn each_call_of_the_page_is_rejected_for_an_unknown_stack_or_service() {
    const OF_SERVICES: [&str; 11] = [
        "start",
        "stop",
        "restart",
        "preview_remedy",
        "carry_out",
        "describe",
        "run_checks",
        "reveal",
        "open_link",
        "open_log_file",
        "open_folder",
    ];
    const OF_STACKS: [&str; 6] = [
        "doctor",
        "apply_change",
        "events",
        "probe_paths",
        "remove_stack",
        "open_stack_file",
    ];
    let bench = Bench::with(TWO).await;
    let app = app(&bench);
    let known = bench.file();
    app.add(&known).unwrap();
    until(&app, |_| true).await;
    let elsewhere = OF_SERVICES.iter().chain(&OF_STACKS);
    let elsewhere = elsewhere.map(|name| (Path::new("/etc/passwd"), "one", *name));
    let unknown = OF_SERVICES.map(|name| (&*known, "../other", name));
    for (file, service, name) in elsewhere.chain(unknown) {
        let call = json!({"call": name, "given": {
            "file": file,
            "service": service,
            "services": [service],
            "variable": "HOME",
            "since": "2026-01-01T00:00:00Z",
            "action": {"kind": "start", "service": service},
        }});
        let answer = if name.starts_with("open_") {
            let opened = app.opened(&from_value(call).unwrap(), "app");
            opened.map(|opened| json!(format!("{opened:?}")))
        } else {
            Box::pin(within(name, app.call(from_value(call).unwrap(), drop))).await
        };
        let is_refused = match &answer {
            Ok(Value::Object(outcome)) => outcome.is_empty() || outcome.contains_key("refused"),
            Ok(answer) => *answer == json!([]),
            Err(_) => true,
        };
        assert!(is_refused, "{name} of {service}: {answer:?}");
    }
    assert!(bench.snapshot().stacks.is_empty(), "nothing was started");
    assert!(app.knows(&known), "nothing was removed");
}

/// Returns whether a log is followed, or why not.
async fn followed(app: &AppState, file: &Path, services: &[&str]) -> Result<(), String> {
    let services = services.iter().map(|name| (*name).into()).collect();
    let mut failed = Ok(());
    let tell = |update| {
        if let LogUpdate::Failed { message } = update {
            failed = Err(message);
        }
        false
    };
    within("the end of a log", app.follow_log(file, services, tell)).await;
    failed
}

#[tokio::test]
async fn the_window_runs_no_command_of_a_stack_file_that_was_never_started() {
    let bench = Bench::with(
        "[service.one]\ncommand = [\"sleep\", \"600\"]\nrequire = { commands = [\"touch made\"] }\n",
    )
    .await;
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    within("a look", app.doctor(&bench.file())).await.unwrap();
    assert!(!bench.path("made").exists());
    let told = app.withheld(&bench.file()).unwrap();
    assert!(told.contains("one runs touch made"), "{told}");
    bench.must_up().await;
    bench.down().await;
    assert_eq!(app.withheld(&bench.file()), None, "it was started");
}

const DETAILED: &str = r#"
[service.one]
command = ["sh", "-c", "sleep 600; true"]
env = { API_KEY = "not-a-real-key", COLOUR = "blue" }
ready = { command = "true" }
[[service.one.check]]
name = "fails"
command = ["sh", "-c", "echo broken; exit 3"]
"#;

#[tokio::test]
async fn the_details_of_a_service_contain_processes_runs_and_check_results() {
    let bench = Bench::with(DETAILED).await;
    let app = app(&bench);
    bench.must_up().await;
    let (file, one) = (bench.file(), "one".into());

    let details = within("the details", app.describe(&file, &one))
        .await
        .unwrap();
    let first = &details.processes[0];
    assert_eq!((first.pid, first.parent), (bench.pid("one"), None));
    let child = details
        .processes
        .iter()
        .find(|it| it.parent == Some(first.pid));
    assert!(
        child.is_some_and(|it| it.command.contains("sleep 600")),
        "{details:#?}"
    );
    let runs: Vec<RunId> = details.runs.iter().map(|run| run.run).collect();
    assert_eq!(runs, [RunId(1)]);
    let key = details.variables.iter().find(|it| it.name == "API_KEY");
    assert_eq!(key.map(|it| it.value.as_str()), Some("***"));
    let revealed = app.reveal(&file, &one, "API_KEY").await;
    assert_eq!(revealed.unwrap(), "not-a-real-key");
    assert!(
        app.reveal(&file, &one, "HOME").await.is_err(),
        "only what is declared"
    );

    let results = within("the checks", Box::pin(app.run_checks(&file, &one)))
        .await
        .unwrap();
    let passed: Vec<_> = results
        .iter()
        .map(|it| (it.name.as_deref(), it.fault.is_none()))
        .collect();
    assert_eq!(passed, [(None, true), (Some("fails"), false)]);
    let fault = results[1].fault.as_deref().unwrap();
    assert!(fault.contains("broken"), "{fault}");

    bench.down().await;
    let details = within("the details", app.describe(&file, &one))
        .await
        .unwrap();
    assert!(details.processes.is_empty());
}

#[tokio::test]
async fn the_checks_of_a_stack_file_that_was_never_started_are_not_run() {
    let bench = Bench::with(&DETAILED.replace("echo broken", "touch made; echo broken")).await;
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    let (file, one) = (bench.file(), "one".into());
    let checked = Box::pin(app.run_checks(&file, &one));
    assert_eq!(within("the checks", checked).await.unwrap(), []);
    assert!(!bench.path("made").exists());
}

#[tokio::test]
async fn a_report_for_a_teammate_has_the_problem_the_last_lines_and_no_secret() {
    let bench = Bench::with(
        r#"
[service.one]
command = ["sh", "-c", "echo begun with API_KEY=not-a-real-key; exit 3"]
restart = "never"
env = { API_KEY = "not-a-real-key" }
[service.two]
command = ["sleep", "600"]
"#,
    )
    .await;
    let app = app(&bench);
    app.add(&bench.file()).unwrap();
    let file = bench.file();
    within("a start", app.start(&file, Vec::new())).await;
    until(&app, |stack| !stack.findings.is_empty()).await;
    let report = within("the report", app.share(&file)).await.unwrap();
    for part in [
        "# test\n",
        "## one is not running: it exited with code 3",
        "| two | ready |",
        "## The last lines of one",
        "begun with API_KEY=***",
        "[service.two]",
    ] {
        assert!(report.contains(part), "{part:?} in {report}");
    }
    assert!(!report.contains("not-a-real-key"), "{report}");
    assert!(!report.contains("last lines of two"), "{report}");
    assert!(app.share(&bench.path("other.toml")).await.is_err());
}
