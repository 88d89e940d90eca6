//! Measures Pilot Light against plain fork+exec and other process managers, side by side in one run.
//!
//! Linux only: the processes of a run share the clock `CLOCK_MONOTONIC`, and the CPU and memory of a
//! daemon come from `/proc`.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    eprintln!("the benches run only on Linux, since they read /proc and CLOCK_MONOTONIC");
    std::process::ExitCode::from(2)
}
