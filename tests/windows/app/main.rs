//! The program `pilot-light.exe`: what its file says of itself, and what it does without its window.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` says what that proves.
#![cfg(windows)]
#![expect(
    clippy::disallowed_methods,
    reason = "the application under test is no service, and what it does is waited for from outside"
)]

mod file;
mod keeping;

/// The program, seen from the root of the present drive where a cross-compiler has built it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_pilot-light");
