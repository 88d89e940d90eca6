use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::*;

const MOMENT: Duration = Duration::from_millis(50);

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    (folder, file)
}

#[test]
fn a_file_is_read_up_to_its_limit_and_no_further() {
    let (_folder, file) = folder();
    fs::write(&file, vec![b'x'; SIZE_LIMIT]).unwrap();
    let reader = Reader::within(TIME_LIMIT);
    assert_eq!(reader.read(&file).unwrap().len(), SIZE_LIMIT);
    fs::write(&file, vec![b'x'; SIZE_LIMIT + 1]).unwrap();
    let error = reader.read(&file).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(error.to_string(), "it is larger than 1 MiB");
}

#[test]
fn a_file_that_is_not_utf_8_is_not_text() {
    let (_folder, file) = folder();
    fs::write(&file, b"a\xff").unwrap();
    let error = Reader::within(TIME_LIMIT).text(&file).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn work_that_hangs_times_out() {
    let (sender, never) = mpsc::channel::<()>();
    let waited = apart(MOMENT, move |_| never.recv()).await;
    assert_eq!(waited.unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(sender);
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::symlink;

    use super::*;

    #[expect(
        clippy::disallowed_methods,
        reason = "the command creates a pipe and is not a service"
    )]
    fn pipe() -> (TempDir, PathBuf) {
        let (folder, file) = folder();
        let made = std::process::Command::new("mkfifo").arg(&file).status();
        assert!(made.unwrap().success());
        (folder, file)
    }

    #[test]
    fn an_endless_device_is_read_only_up_to_the_limit() {
        let (_folder, file) = folder();
        symlink("/dev/zero", &file).unwrap();
        let error = Reader::within(TIME_LIMIT).read(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        fs::remove_file(&file).unwrap();
        symlink("/dev/null", &file).unwrap();
        assert_eq!(Reader::within(TIME_LIMIT).read(&file).unwrap(), b"");
    }

    #[test]
    fn a_pipe_is_read_once_it_has_a_writer() {
        let (_folder, file) = pipe();
        let reading = {
            let file = file.clone();
            thread::spawn(move || Reader::within(TIME_LIMIT).read(&file))
        };
        // Waits until the pipe is opened for reading.
        fs::write(&file, "A=1\n").unwrap();
        assert_eq!(reading.join().unwrap().unwrap(), b"A=1\n");
    }

    #[test]
    fn a_pipe_without_a_writer_times_out() {
        let (_folder, file) = pipe();
        let error = Reader::within(MOMENT).read(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn an_abandoned_read_leaves_the_pipe_to_others() {
        let (_folder, file) = pipe();
        let (ended, end) = oneshot::channel();
        let reading = apart(TIME_LIMIT, {
            let file = file.clone();
            move |reader| {
                drop(ended.send(reader.read(&file).map_err(|error| error.kind())));
            }
        });
        assert!(timeout(MOMENT, reading).await.is_err(), "it waits");
        let result = timeout(TIME_LIMIT / 2, end).await;
        assert_eq!(
            result.expect("its end").unwrap(),
            Err(io::ErrorKind::TimedOut)
        );
    }
}
