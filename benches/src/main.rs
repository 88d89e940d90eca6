//! Measures Pilot Light against plain fork+exec and other process managers, side by side in one run.
//!
//! Linux alone: the clock that the processes of a run share is `CLOCK_MONOTONIC`, and what a daemon
//! uses is read from `/proc`.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("the benches read /proc and CLOCK_MONOTONIC: they run on Linux alone");
    std::process::ExitCode::from(2)
}
