//! The cost and the latency of the tray application, on a separate desktop.

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use pilotlight_app_tests::{
    desktop::{App, Desktop},
    light::Light,
    processes,
    stack::Stack,
    tray::Icon,
    until_so,
};
use serde_json::json;

use super::Row;
use crate::linux::{
    Result,
    clock::TimePoint,
    kernel,
    report::{Figure, Target},
    stats::Runs,
    trace::Trace,
};

pub(super) const ROW: Row = Row {
    name: "app",
    what: "the tray application",
    ours,
    against: None,
};

const RUNS: usize = 9;
const WINDOWS: usize = 5;
/// The time after which a start no longer affects the figures.
const SETTLED: Duration = Duration::from_secs(5);
const WATCHED: Duration = Duration::from_secs(30);
/// The time after which a closed window no longer affects the figures.
const CLOSED: Duration = Duration::from_millis(700);
/// The colour of a ready service's light in the light theme (`ui/src/theme.css`), and its minimum share of the screen
/// once the rows are shown.
const READY: [u8; 3] = [0x0d, 0x7a, 0x4f];
const ROWS: f64 = 0.000_1;
const TITLE: &str = "Pilot Light";

fn ours() -> Result<Vec<Figure>> {
    let measured = panic::catch_unwind(AssertUnwindSafe(|| -> Result<_> {
        let mut figures = at_rest()?;
        figures.push(start());
        figures.extend(incidents()?);
        figures.extend(windows());
        figures.push(bundle()?);
        Ok(figures)
    }));
    // The panic has printed its reason.
    measured.unwrap_or_else(|_| Err("the application did not behave as expected".into()))
}

/// A desktop with the application, which knows the stack.
fn stage(stack: &Stack) -> (App, Icon, PathBuf, Desktop) {
    let desktop = Desktop::new();
    let file = stack.write(&desktop);
    desktop.knows(&[&file], &json!({ "theme": "light" }));
    // The first GTK program on a screen loads all of OpenGL to detect its features, and stores them for the next
    // programs. On a real desktop another program has always done this before.
    let arrivals = desktop.tray().arrivals();
    let mut first = desktop.start(&[]);
    arrivals.first(0, "an icon", |_| true);
    first.kill();
    let app = desktop.start(&[]);
    arrivals.first(1, "another icon", |_| true);
    let icon = desktop.tray().icon();
    (app, icon, file, desktop)
}

fn three() -> Stack {
    let by_http = "ready = { http = \"http://127.0.0.1:{port}/\" }";
    Stack::new("three")
        .service("database", "", by_http)
        .service("backend", "", &format!("needs = [\"database\"]\n{by_http}"))
        .service("frontend", "", &format!("needs = [\"backend\"]\n{by_http}"))
}

fn at_rest() -> Result<Vec<Figure>> {
    let (app, icon, _, desktop) = stage(&three());
    icon.menu().click(&["Start three"]);
    icon.until_shows(Light::Green);
    thread::sleep(SETTLED);
    let pid = i32::try_from(app.pid())?;
    let (began, before) = (TimePoint::now(), kernel::cpu_time(pid)?);
    thread::sleep(WATCHED);
    let used = kernel::cpu_time(pid)?.saturating_sub(before);
    let cpu = 100.0 * used.as_secs_f64() / began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 KiB")]
    let memory = kernel::proportional_memory(pid)? as f64 / 1024.0;
    drop((app, desktop));
    Ok(vec![
        figure(
            "memory with three services, no window opened",
            format!("{memory:.1} MiB PSS"),
            Target::below(memory, 65.0, " MiB"),
        ),
        figure(
            "CPU at rest, three services watched by http every 2 s",
            format!("{cpu:.3} % of a core"),
            Target::below(cpu, 0.5, " %"),
        ),
    ])
}

fn start() -> Figure {
    let desktop = Desktop::new();
    let file = three().write(&desktop);
    desktop.knows(&[&file], &json!({}));
    let _ = pilotlight_app_tests::programs::app();
    let runs = (0..RUNS).map(|_| {
        let arrivals = desktop.tray().arrivals();
        let known = arrivals.count();
        let started = Instant::now();
        let mut app = desktop.start(&[]);
        let came = arrivals.first(known, "an icon", |_| true);
        app.kill();
        came.at - started
    });
    timed(
        "start of the process to the icon in the tray",
        &runs.collect(),
        500.0,
    )
}

fn incidents() -> Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let trace = Trace::at(folder.path().join("trace"));
    let words = format!("--trace {}", trace.path().display());
    let stack = Stack::new("one").service("backend", &words, "restart = \"never\"");
    let (_app, icon, file, desktop) = stage(&stack);
    let (mut first_process, mut red, mut told) =
        (Runs::default(), Runs::default(), Runs::default());
    for _ in 0..RUNS {
        let menu = icon.menu();
        let clicked = TimePoint::now();
        menu.click(&["Start one"]);
        let began = trace.wait_for_next("start", clicked)?;
        first_process.add(began.at.since(clicked));
        icon.until_shows(Light::Green);

        let pid = desktop.pid(&file, "backend");
        let (lights, notifications) = (icon.lights().count(), desktop.notifications.seen().count());
        let killed = Instant::now();
        processes::kill(pid);
        red.add(icon.until_light(lights, Light::Red) - killed);
        let seen = desktop.notifications.seen();
        told.add(seen.first(notifications, "a notification", |_| true).at - killed);
    }
    Ok(vec![
        timed(
            "SIGKILL of a service to the red icon on the bus",
            &red,
            50.0,
        ),
        timed(
            "SIGKILL of a service to the notification on the bus",
            &told,
            50.0,
        ),
        timed(
            "click on Start to the first process running",
            &first_process,
            50.0,
        ),
    ])
}

fn windows() -> [Figure; 2] {
    let (mut first, mut later) = (Runs::default(), Runs::default());
    for _ in 0..WINDOWS {
        let (_app, icon, _, desktop) = stage(&three());
        icon.menu().click(&["Start three"]);
        icon.until_shows(Light::Green);
        first.add(open(&desktop, &icon));
        desktop.display.close_window(TITLE);
        until_so("no window", || desktop.display.windows(TITLE) == 0);
        thread::sleep(CLOSED);
        later.add(open(&desktop, &icon));
    }
    [
        timed(
            "opening the window for the first time, to its first row",
            &first,
            1000.0,
        ),
        timed("… and later", &later, 500.0),
    ]
}

/// Measures the time from the click to the first screen image with a row in the window.
fn open(desktop: &Desktop, icon: &Icon) -> Duration {
    let menu = icon.menu();
    let clicked = Instant::now();
    menu.click(&["Open Pilot Light"]);
    while desktop.display.picture().share_of(READY) < ROWS {
        assert!(
            clicked.elapsed() < Duration::from_secs(30),
            "the window shows no row"
        );
    }
    clicked.elapsed()
}

/// Measures the files that the window loads from the application, each compressed by itself.
fn bundle() -> Result<Figure> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/dist");
    let (mut code, mut fonts) = (0, 0);
    for file in files(&folder)? {
        let gzip = Command::new("gzip")
            .args(["--best", "--stdout"])
            .arg(&file)
            .stderr(Stdio::inherit())
            .output()?;
        let is_font = file.extension().is_some_and(|kind| kind == "woff2");
        *(if is_font { &mut fonts } else { &mut code }) += gzip.stdout.len();
    }
    let kilobytes = |bytes: usize| -> Result<f64> { Ok(f64::from(u32::try_from(bytes)?) / 1000.0) };
    let (code, fonts) = (kilobytes(code)?, kilobytes(fonts)?);
    Ok(figure(
        "the page of the window, gzipped",
        format!("{code:.1} kB, and {fonts:.0} kB of fonts"),
        Target::below(code, 150.0, " kB"),
    ))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(files(&path)?);
        } else {
            all.push(path);
        }
    }
    Ok(all)
}

fn figure(what: &str, ours: String, target: Target) -> Figure {
    let what = if what.starts_with('…') {
        what.to_owned()
    } else {
        format!("app: {what}")
    };
    Figure {
        what,
        ours,
        other: String::new(),
        ratio: None,
        target: Some(target),
    }
}

fn timed(what: &str, runs: &Runs, limit: f64) -> Figure {
    let median = runs.median().as_secs_f64() * 1000.0;
    figure(what, runs.to_string(), Target::below(median, limit, " ms"))
}
