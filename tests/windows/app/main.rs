//! The program `pilot-light.exe`: what its file says of itself.
//! On Debian `cargo xtask test --windows` runs this under Wine; `docs/windows.md` says what that proves.
#![cfg(windows)]
#![expect(
    clippy::disallowed_methods,
    reason = "the application under test is no service, and what it does is waited for from outside"
)]

mod file;
