//! Shells written by a test.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use tempfile::TempDir;

use super::*;

fn shell(folder: &TempDir, script: &str) -> PathBuf {
    let path = folder.path().join("my shell");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn own(folder: &TempDir, shell: &Path) -> Env {
    let mut own = base(&[("PATH", "/usr/bin:/bin"), ("KEPT", "of the desktop")]);
    own.set("SHELL", shell);
    own.set("HOME", folder.path());
    own
}

async fn asked(own: &Env, time_limit: Duration) -> Result<Env, LoginShellFault> {
    read_environment(host::login_shell(own).unwrap(), own, time_limit).await
}

#[tokio::test]
async fn variables_of_start_up_files_are_added_and_nothing_else_changes() {
    let folder = TempDir::new().unwrap();
    let reads_its_files = "[ \"$1 $2 $3\" = '-l -i -c' ] || exit 9\n\
        echo 'welcome back'; echo 'no job control' >&2\n\
        PATH=\"$HOME/.nvm/bin:$PATH\"; ADDED='of the\nshell'; export PATH ADDED\n\
        eval \"$4\"; echo 'bye'";
    let own = own(&folder, &shell(&folder, reads_its_files));
    let found = asked(&own, TIME_LIMIT).await.unwrap();
    let mut expected = own.clone();
    let path = format!("{}/.nvm/bin:/usr/bin:/bin", folder.path().display());
    expected.set("PATH", path);
    expected.set("ADDED", "of the\nshell");
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_shell_that_waits_for_input_times_out() {
    let folder = TempDir::new().unwrap();
    let own = own(&folder, &shell(&folder, "exec sleep 600"));
    let fault = asked(&own, Duration::from_millis(200)).await.unwrap_err();
    assert!(matches!(fault, LoginShellFault::TimedOut { .. }), "{fault}");
}

#[tokio::test]
async fn a_shell_that_rejects_the_options_or_is_missing_is_a_fault() {
    let folder = TempDir::new().unwrap();
    let path = shell(&folder, "exit 2");
    let own = own(&folder, &path);
    let fault = asked(&own, TIME_LIMIT).await.unwrap_err();
    assert!(
        matches!(
            &fault,
            LoginShellFault::Silent {
                exit: Exit::Code(2),
                ..
            }
        ),
        "{fault}"
    );
    fs::remove_file(path).unwrap();
    let fault = asked(&own, TIME_LIMIT).await.unwrap_err();
    assert!(matches!(fault, LoginShellFault::Launch { .. }), "{fault}");
}

#[test]
fn without_an_absolute_shell_there_is_no_login_shell() {
    assert_eq!(host::login_shell(&Env::new()), None);
    assert_eq!(host::login_shell(&base(&[("SHELL", "sh")])), None);
}
