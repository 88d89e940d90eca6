//! The real window in its real webview, with the real daemon.
#![cfg(target_os = "linux")]

use std::{env, fs, path::PathBuf};

use pilotlight_app_tests::{
    desktop::Desktop, processes, programs, stack::Stack, until_so, window::Window,
};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Returns the folder for the pictures of this run, for people to look at.
fn pictures() -> PathBuf {
    let folder = programs::folder().with_file_name("app-pictures");
    let folder = env::var_os("PILOTLIGHT_PICTURES").map_or(folder, PathBuf::from);
    fs::create_dir_all(&folder).expect("a folder for pictures");
    folder
}

/// Returns the row of a service.
fn row(service: &str) -> String {
    format!("//*[@role='row'][@data-service='{service}']")
}

/// Returns the row of a service with this label of its light.
fn lit(service: &str, light: &str) -> String {
    format!("{}[.//*[normalize-space()='{light}']]", row(service))
}

/// Returns a button by its text or its label.
fn button(name: &str) -> String {
    format!("//button[normalize-space()='{name}' or @aria-label='{name}']")
}

/// A stack that was started by its button.
struct Lit {
    // First, so that it is closed before its desktop.
    window: Window,
    desktop: Desktop,
    file: PathBuf,
    /// The process of its one service.
    pid: u32,
    /// The process of the application.
    application: u32,
}

impl Lit {
    /// Starts a stack with one service, with these settings of the application.
    fn of_one_service(settings: &Value) -> Self {
        let desktop = Desktop::new();
        let file = Stack::new("nexus")
            .service("server", "", "")
            .write(&desktop);
        desktop.knows(&[&file], settings);
        let window = Window::open(&desktop);
        window.click(&button("Start"));
        window.until(&lit("server", "ready"));
        let pid = desktop.pid(&file, "server");
        let application = desktop.daemon().expect("the application");
        Self {
            window,
            desktop,
            file,
            pid,
            application,
        }
    }
}

#[test]
fn a_user_starts_a_stack_reads_a_log_fixes_a_problem_and_stops_it() {
    let desktop = Desktop::new();
    let file = Stack::new("nexus")
        .redis("redis", "restart = \"never\"")
        .service(
            "backend",
            "--print hello-from-the-backend",
            "needs = [\"redis\"]",
        )
        .write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let window = Window::open(&desktop);

    window.until("//h1[contains(., 'nexus')]");
    window.until(&row("backend"));
    window.picture(&desktop.display, &pictures().join("1-off.png"));

    window.click(&button("Start"));
    window.until(&lit("redis", "ready"));
    window.until(&lit("backend", "ready"));
    let redis = desktop.pid(&file, "redis");
    window.until(&format!("{}//*[contains(., 'PID {redis}')]", row("redis")));
    window.picture(&desktop.display, &pictures().join("2-green.png"));

    window.click(&button("Show the log of backend"));
    window.until("//*[@role='tab'][@aria-selected='true'][normalize-space()='backend']");
    window.until_gone("//*[@aria-label='Log']//*[@data-at][contains(., 'redis')]");
    window.until("//*[@aria-label='Log']//*[contains(text(), 'hello-from-the-backend')]");
    window.picture(&desktop.display, &pictures().join("3-log.png"));

    processes::kill(redis);
    window.until("//section[.//h2[contains(., 'edis')]]//*[contains(., 'signal 9')]");
    window.picture(&desktop.display, &pictures().join("4-finding.png"));

    window.click("//section[.//h2]//button[starts-with(normalize-space(), 'Start')]");
    window.until(&lit("redis", "ready"));
    window.until_gone("//section[.//h2[contains(., 'edis')]]");
    let again = desktop.pid(&file, "redis");
    assert!(processes::lives(again) && again != redis);

    let backend = desktop.pid(&file, "backend");
    window.click(&button("Stop"));
    window.until(&lit("redis", "stopped"));
    window.until(&lit("backend", "stopped"));
    until_so("no service runs", || {
        [again, backend].iter().all(|pid| !processes::lives(*pid))
    });
    window.picture(&desktop.display, &pictures().join("5-off-again.png"));
}

#[test]
fn the_first_run_offers_to_add_a_stack_and_shows_one_of_the_command_line() {
    let desktop = Desktop::new();
    let window = Window::open(&desktop);
    for choice in [
        "Add project folder",
        "Learn from what is running",
        "Try the example",
        "Open a stack file",
    ] {
        window.until(&format!("//button[contains(., '{choice}')]"));
    }
    window.picture(&desktop.display, &pictures().join("0-first-run.png"));

    let file = Stack::new("shell")
        .service("server", "", "")
        .write(&desktop);
    desktop.pilotlight(&["--file", &file.display().to_string(), "up", "--detach"]);
    window.until(&lit("server", "ready"));
}

#[test]
fn the_window_mentions_that_the_desktop_has_no_tray() {
    let desktop = Desktop::without_tray();
    let file = Stack::new("nexus")
        .service("server", "", "")
        .write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let window = Window::open(&desktop);
    window.until("//*[contains(., 'no system tray')]");
    window.picture(&desktop.display, &pictures().join("6-no-tray.png"));
}

#[test]
fn closing_the_window_keeps_the_application_and_the_services_running() {
    let stack = Lit::of_one_service(&json!({}));
    stack.desktop.display.close_window("Pilot Light");
    until_so("no window", || {
        stack.desktop.display.windows("Pilot Light") == 0
    });
    assert!(processes::lives(stack.pid));
    let icon = stack.desktop.tray().icon();
    icon.menu().click(&["Open Pilot Light"]);
    until_so("the window", || {
        stack.desktop.display.windows("Pilot Light") == 1
    });
    assert_eq!(stack.desktop.pid(&stack.file, "server"), stack.pid);
}

#[test]
fn the_window_asks_before_quitting_and_stops_everything_on_request() {
    let stack = Lit::of_one_service(&json!({ "on_quit": "ask" }));
    stack.desktop.tray().icon().menu().click(&["Quit"]);
    stack
        .window
        .until("//*[@role='dialog' or self::dialog]//button[contains(., 'Stop')]");
    until_so("the answer has the focus", || {
        stack
            .window
            .script("return document.activeElement.innerText", Vec::new())
            == json!("Stop all and quit")
    });
    stack
        .window
        .picture(&stack.desktop.display, &pictures().join("7-quit.png"));
    stack.window.click_for_the_last_time(
        "//*[@role='dialog' or self::dialog]//button[contains(., 'Stop')]",
    );
    until_so("no service runs", || {
        !processes::lives(stack.pid) && !processes::lives(stack.application)
    });
}

/// Returns an answer to the question whether services keep running.
fn answer(words: &str) -> String {
    format!("//dialog//button[normalize-space()='{words}']")
}

#[test]
fn quitting_can_be_cancelled_and_can_leave_services_running() {
    let stack = Lit::of_one_service(&json!({ "on_quit": "ask" }));
    let icon = stack.desktop.tray().icon();

    icon.menu().click(&["Quit"]);
    stack.window.click(&answer("Cancel"));
    stack.window.until_gone("//dialog");
    assert_eq!(stack.desktop.daemon(), Some(stack.application));
    assert_eq!(stack.desktop.pid(&stack.file, "server"), stack.pid);

    icon.menu().click(&["Quit"]);
    stack
        .window
        .click_for_the_last_time(&answer("Leave running"));
    until_so("the application is gone", || {
        !processes::lives(stack.application)
    });
    assert!(processes::lives(stack.pid));
}

#[test]
fn the_end_of_the_session_ends_the_application_with_an_open_window() {
    let stack = Lit::of_one_service(&json!({ "on_quit": "ask" }));
    processes::signal(stack.application, Signal::TERM);
    until_so("the application is gone", || {
        !processes::lives(stack.application)
    });
    assert!(processes::lives(stack.pid));
}

#[test]
fn the_example_is_ready_at_once_explains_what_breaks_it_and_is_repaired() {
    let desktop = Desktop::new();
    let window = Window::open(&desktop);
    window.click("//button[contains(., 'Try the example')]");
    for service in ["store", "api", "page"] {
        window.until(&lit(service, "ready"));
    }
    window.until("//*[contains(., 'All 3 ready.')]");
    let choose = |what: &str| {
        window.click(&button("Break something"));
        window.click(&format!(
            "//button[@role='menuitem'][contains(., '{what}')]"
        ));
    };
    choose("Kill the store");
    window.until("//h2[contains(., 'store is not running')]");
    window.picture(&desktop.display, &pictures().join("9-example.png"));
    choose("Repair everything");
    window.until_gone("//h2[contains(., 'store is not running')]");
    window.until(&lit("store", "ready"));
}

#[test]
fn a_stack_file_is_picked_in_a_dialogue_of_the_desktop() {
    let desktop = Desktop::new();
    let file = Stack::new("mine").service("server", "", "").write(&desktop);
    let window = Window::open(&desktop);
    window.click("//button[contains(., 'Open a stack file')]");
    desktop.answers("Open a stack file", &file);
    window.until("//h1[contains(., 'mine')]");
    window.until(&lit("server", "stopped"));
}

#[test]
fn a_folder_is_scanned_and_the_draft_becomes_its_stack_file() {
    let desktop = Desktop::new();
    let folder = desktop.user().join("shop");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("Procfile"), "clock: sleep 1000\n").expect("a Procfile");
    let window = Window::open(&desktop);
    window.click("//button[contains(., 'Add project folder')]");
    desktop.answers("Choose a folder", &folder);
    window.until("//dialog[contains(., 'Procfile')]");
    let file = folder.join("pilotlight.toml");
    assert!(!file.exists(), "it is only a draft");
    window.picture(&desktop.display, &pictures().join("8-draft.png"));
    window.click("//dialog//button[starts-with(normalize-space(), 'Save and start')]");
    window.until(&lit("clock", "ready"));
    assert!(file.exists());
}
