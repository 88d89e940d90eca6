//! Pictures of a terminal: the example stack under `pilotlight up`, as SVG. A terminal emulator interprets the output
//! of the command, so that the picture is what a user would see.

use std::{
    fmt::Write as _,
    fs,
    num::NonZeroU16,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use pilotlight_app_tests::programs;
use serde_json::Value;

#[path = "../../../support/script.rs"]
#[expect(
    clippy::unwrap_used,
    dead_code,
    reason = "the code is shared with tests, where a panic is a failure"
)]
mod script;

use script::Terminal;

const ROWS: u16 = 22;
const COLUMNS: u16 = 108;
/// The size of a character in pixels.
const WIDTH: f32 = 8.4;
const HEIGHT: u16 = 20;
/// The centre of the window's buttons, and the baseline of the first line.
const BUTTONS: u16 = 20;
const FIRST: u16 = 60;
const LEFT: u16 = 20;
const GROUND: &str = "#15181d";
const TEXT: &str = "#e6e9ee";
const FAINT: &str = "#7d8590";
/// The first eight terminal colours.
const COLOURS: [&str; 8] = [
    FAINT, "#ff6b6b", "#4fd18b", "#f2c14e", "#6cb6ff", "#d2a8ff", "#56d4dd", TEXT,
];

/// Draws `up.svg`, the stack with all services ready, and `unhealthy.svg`, the same with a Redis that hangs.
pub(super) fn take(into: &Path) {
    let home = tempfile::tempdir().expect("a folder");
    let examples = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples"));
    let examples = fs::canonicalize(examples).expect("the examples");
    let pilotlight = |arguments: &str| {
        let program = programs::command().display();
        let mut command = Command::new("sh");
        let line =
            format!("stty rows {ROWS} cols {COLUMNS} 2> /dev/null; exec {program} {arguments}");
        command
            .args(["-c", &line])
            .current_dir(examples.join("nexus"));
        command.env("PILOTLIGHT_HOME", home.path());
        command
    };
    let picture = |name: &str, label: &str| {
        // The latest log lines, and the state of the services below them.
        thread::sleep(Duration::from_secs(2));
        let drawn = fs::read_to_string(home.path().join("drawn")).expect("what was drawn");
        let drawn = drawn.replace(&examples.display().to_string(), "~");
        let path: PathBuf = into.join(name);
        fs::write(&path, svg(&drawn, label)).expect("a picture");
    };

    let mut up = Terminal::start(&pilotlight("up"), home.path());
    up.until_it_shows("up in ");
    picture(
        "up.svg",
        "pilotlight up: the logs of all services, and a row with the state of each",
    );
    let status = pilotlight("status --json").output().expect("the state");
    let redis = redis_of(&serde_json::from_slice(&status.stdout).expect("JSON"));
    signal(redis, "-STOP");
    up.until_it_shows("redis accepts connections");
    picture(
        "unhealthy.svg",
        "pilotlight up: redis hangs, and the backend fails because of it",
    );
    signal(redis, "-CONT");
    up.press("\u{3}");
    up.end();
}

fn redis_of(status: &Value) -> u64 {
    let services = status
        .pointer("/stacks/0/services")
        .and_then(Value::as_array);
    let redis = services
        .expect("services")
        .iter()
        .find(|service| service["name"] == "redis");
    redis
        .and_then(|redis| redis["pid"].as_u64())
        .expect("the pid of Redis")
}

fn signal(pid: u64, signal: &str) {
    let sent = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "{pid} takes no {signal}"
    );
}

fn svg(drawn: &str, label: &str) -> String {
    let [rows, columns] = [ROWS, COLUMNS].map(|size| NonZeroU16::new(size).expect("a size"));
    let mut terminal = vt100::Parser::new(rows, columns, 0);
    terminal.process(b"\x1b[32m$\x1b[m pilotlight up\r\n\r\n");
    terminal.process(drawn.as_bytes());
    let screen = terminal.screen();
    let rows = screen.rows(0, COLUMNS).collect::<Vec<_>>();
    let used = rows
        .iter()
        .rposition(|row| !row.trim().is_empty())
        .map_or(0, |last| last + 1);
    let used = u16::try_from(used).unwrap_or(ROWS);
    let width = f32::from(LEFT) * 2.0 + f32::from(COLUMNS) * WIDTH;
    let height = FIRST + used * HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height}\" role=\"img\" aria-label=\"{label}\">\n\
         <rect width=\"{width:.0}\" height=\"{height}\" rx=\"10\" fill=\"{GROUND}\"/>\n\
         <g fill=\"#3a404a\"><circle cx=\"22\" cy=\"{BUTTONS}\" r=\"6\"/><circle cx=\"42\" cy=\"{BUTTONS}\" r=\"6\"/><circle cx=\"62\" cy=\"{BUTTONS}\" r=\"6\"/></g>\n\
         <g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"14\">\n"
    );
    for row in 0..used {
        let mut column = 0;
        while column < COLUMNS {
            let start = column;
            let look = look(screen, row, start);
            let mut text = String::new();
            while column < COLUMNS && self::look(screen, row, column) == look {
                let cell = screen.cell(row, column);
                let shown = cell.map_or("", vt100::Cell::contents);
                text.push_str(if shown.is_empty() { " " } else { shown });
                column += 1;
            }
            if !text.trim().is_empty() {
                let (x, y) = (
                    f32::from(LEFT) + f32::from(start) * WIDTH,
                    FIRST + row * HEIGHT,
                );
                let (colour, bold) = look;
                let weight = if bold { " font-weight=\"700\"" } else { "" };
                let text = escaped(text.trim_end());
                let _ = writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y}\" fill=\"{colour}\"{weight} xml:space=\"preserve\">{text}</text>"
                );
            }
        }
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

/// Returns the colour of a character, and whether it is bold.
fn look(screen: &vt100::Screen, row: u16, column: u16) -> (&'static str, bool) {
    let Some(cell) = screen.cell(row, column) else {
        return (TEXT, false);
    };
    let colour = match cell.fgcolor() {
        vt100::Color::Idx(colour) => COLOURS.get(usize::from(colour % 8)).unwrap_or(&TEXT),
        _ if cell.dim() => FAINT,
        _ => TEXT,
    };
    (colour, cell.bold())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
