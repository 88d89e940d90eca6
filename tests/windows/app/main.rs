//! The program `pilot-light.exe`: its file, and its behaviour without a window.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` explains what that proves.
#![cfg(windows)]
#![expect(
    clippy::disallowed_methods,
    reason = "the application under test is not a service, and the test waits from outside"
)]

mod file;
mod keeping;

/// Returns the program, relative to the root of the current drive if a cross-compiler has built it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_pilot-light");
