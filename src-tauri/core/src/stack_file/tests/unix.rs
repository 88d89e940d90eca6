//! Links, pipes and sockets instead of a stack file.
#![cfg(unix)]

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
};

use super::*;
use crate::stack_file::{FILE_NAME, find, read};

#[test]
fn a_pipe_or_a_socket_does_not_block() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    let socket = folder.path().join("socket");
    #[expect(
        clippy::disallowed_methods,
        reason = "no safe function creates a pipe on every system"
    )]
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let _listener = UnixListener::bind(&socket).unwrap();
    for file in [pipe, socket, "/dev/zero".into()] {
        let report = read(&file, &[], &environment()).unwrap_err();
        let kind = report.problems()[0].kind();
        assert!(matches!(kind, ProblemKind::NotAFile(_)), "{kind:?}");
    }
}

#[test]
fn a_stack_has_one_path_however_its_folder_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE_NAME);
    fs::write(&file, "service.a.command = \"a\"\n").unwrap();
    let link = folder.path().join("link");
    symlink(folder.path(), &link).unwrap();
    let direct = find(folder.path()).unwrap();
    assert_eq!(find(&link).unwrap(), direct);
    assert_eq!(find(&link.join(FILE_NAME)).unwrap(), direct);
    let stack = read(&link.join(FILE_NAME), &[], &environment()).unwrap();
    assert_eq!(stack.file, direct);
}
