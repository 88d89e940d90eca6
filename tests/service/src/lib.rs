//! The path of the test service, and free ports.

use std::{
    env,
    net::{Ipv4Addr, Ipv6Addr, TcpStream},
    ops::Range,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicU16, Ordering},
    },
};

/// A range below the ports that systems hand out, without well-known ports.
const PORTS: Range<u16> = 30_000..32_700;

/// Returns a port on which no process listens on either loopback address. No other call of this process returns it.
///
/// It does not bind the port: a process that another test starts at that moment would inherit the socket for a
/// moment, and would look like the holder of the port.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let count = PORTS.end - PORTS.start;
    // Processes begin at different ports, so that two at a time rarely collide.
    let spread = process::id().wrapping_mul(101) % u32::from(count);
    let first = u16::try_from(spread).unwrap_or_default();
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed) % count;
        let port = PORTS.start + (first + number) % count;
        let is_held = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            || TcpStream::connect((Ipv6Addr::LOCALHOST, port)).is_ok();
        if !is_held {
            return port;
        }
    }
}

/// Returns the path of the program, built with the profile of the test. The first call builds it if it is
/// out of date, since Cargo only builds the libraries of other packages, not their programs.
/// `PILOTLIGHT_TEST_SERVICE` names a program that was built already.
///
/// # Panics
///
/// Panics if it cannot be built.
#[must_use]
pub fn path() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| build().unwrap_or_else(|fault| panic!("no test service: {fault}")))
}

fn build() -> Result<PathBuf, String> {
    // For tests that cannot run cargo: those for Windows under Wine.
    if let Some(program) = env::var_os("PILOTLIGHT_TEST_SERVICE") {
        return Ok(program.into());
    }
    let test = env::current_exe().map_err(|error| error.to_string())?;
    // TARGET/PROFILE/deps/TEST, TARGET/PROFILE/examples/EXAMPLE or TARGET/PROFILE/PROGRAM
    let folder = test.parent().ok_or("the test is in no folder")?;
    let profile = match folder.file_name() {
        Some(name) if name == "deps" || name == "examples" => {
            folder.parent().ok_or("the test is in no folder")?
        }
        _ => folder,
    };
    let target = profile.parent().ok_or("the test is in no target folder")?;
    #[expect(
        clippy::disallowed_methods,
        reason = "it is a tool of the tests, not a service"
    )]
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME")])
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let name = env!("CARGO_PKG_NAME");
    Ok(profile.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
}
