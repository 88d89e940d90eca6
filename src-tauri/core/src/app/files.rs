//! The files of known stacks: what they say, and when they change.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use super::{Inner, Says, acts::lines};
use crate::{
    app::window::FileChange,
    fs::{
        project_file::{PATIENCE, apart, apart_blocking},
        redact::redact,
    },
    stack::Stack,
    stack_file::{self, Environment, Place, ProblemKind, Report},
};

/// What stood in a file, or why it could not be read.
pub(super) type Text = Result<String, String>;

/// Who writes a file often does it in several steps.
const SETTLE: Duration = Duration::from_millis(50);

/// How often one has to look where there is not even a folder to watch.
const NO_FOLDER: Duration = Duration::from_secs(5);

/// How long a window that opens waits for a file.
const BRIEF: Duration = Duration::from_secs(1);

/// The text of a file and the stack that it describes, or what is wrong with it.
pub(super) async fn stack(
    file: &Path,
    variables: Arc<Environment>,
) -> Result<(String, Stack), String> {
    let path = file.to_owned();
    let reading = apart(PATIENCE, move |_| {
        let text = stack_file::text(&path).map_err(|report| lines(&report))?;
        let stack = stack_file::parse(&path, text.as_bytes(), &variables);
        Ok((text, stack.map_err(|report| lines(&report))?))
    });
    let read = reading.await;
    read.unwrap_or_else(|error| Err(unread(file, &error)))
}

/// What the file says, read with these variables.
pub(super) fn read(file: &Path, variables: Arc<Environment>) -> (Text, Says) {
    let path = file.to_owned();
    let read = apart_blocking(BRIEF, move |_| said(&path, &variables));
    read.unwrap_or_else(|error| nothing(file, &error))
}

fn unread(file: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}", file.display())
}

/// The reason why the content of the file is unknown.
fn nothing(file: &Path, error: &io::Error) -> (Text, Says) {
    let message = unread(file, error);
    let wrong = FileChange::Invalid {
        message: message.clone(),
        line: None,
        column: None,
        excerpt: None,
    };
    (Err(message), Says::Wrong(wrong))
}

fn said(file: &Path, variables: &Environment) -> (Text, Says) {
    let text = match stack_file::text(file) {
        Ok(text) => text,
        Err(report) => {
            let text = Err(lines(&report));
            return (text, Says::Wrong(wrong(&report)));
        }
    };
    let says = match stack_file::parse(file, text.as_bytes(), variables) {
        Ok(stack) => Says::Valid(Arc::new(stack)),
        Err(report) => Says::Wrong(wrong(&report)),
    };
    (Ok(text), says)
}

/// What is wrong first.
fn wrong(report: &Report) -> FileChange {
    let Some(problem) = report.problems().first() else {
        return FileChange::Missing;
    };
    if matches!(problem.kind(), ProblemKind::Missing) {
        return FileChange::Missing;
    }
    let place = problem.place();
    FileChange::Invalid {
        message: format!("{problem}; {}", problem.suggestion()),
        line: place.map(|Place { line, .. }| line),
        column: place.map(|Place { column, .. }| column),
        excerpt: problem.line().map(|line| redact(line).into_owned()),
    }
}

/// Looks at the file whenever it may have changed, as long as the desk is there.
pub(super) async fn watch(desk: Weak<Inner>, file: PathBuf) {
    let folder = file.parent().map(Path::to_owned);
    loop {
        let Some(inner) = desk.upgrade() else { return };
        let (exists, in_folder) = apart(PATIENCE, {
            let (file, folder) = (file.clone(), folder.clone());
            move |_| (file.exists(), folder.is_some_and(|folder| folder.is_dir()))
        })
        .await
        .unwrap_or_default();
        let growth = exists.then(|| inner.watcher.growth(&file));
        let arrival = folder
            .as_ref()
            .filter(|_| in_folder)
            .map(|folder| inner.watcher.arrival(folder));
        // Now that nothing is missed any more.
        inner.look_at_file(&file).await;
        drop(inner);
        match (growth, arrival) {
            (Some(growth), Some(arrival)) => tokio::select! {
                () = growth.fired() => {}
                () = arrival.fired() => {}
            },
            (None, Some(armed)) | (Some(armed), None) => armed.fired().await,
            (None, None) => tokio::time::sleep(NO_FOLDER).await,
        }
        tokio::time::sleep(SETTLE).await;
    }
}

impl Inner {
    /// Reads all of them again, with other variables.
    pub(super) fn look_at_all_files(&self) {
        let known: Vec<PathBuf> = self.state().files.keys().cloned().collect();
        for path in known {
            let (text, says) = read(&path, self.variables(&path));
            let dark = self.dark(&path, &says);
            if let Some(file) = self.state().files.get_mut(&path) {
                (file.text, file.says, file.dark) = (text, says, dark);
            }
        }
        self.publish();
    }

    /// Reads the file again; nothing happens if it is what it was.
    async fn look_at_file(&self, path: &Path) {
        let (file, variables) = (path.to_owned(), self.variables(path));
        let said = apart(PATIENCE, move |_| said(&file, &variables)).await;
        let (text, says) = said.unwrap_or_else(|error| nothing(path, &error));
        let dark = self.dark(path, &says);
        let mut state = self.state();
        let Some(file) = state.files.get_mut(path).filter(|file| file.text != text) else {
            return;
        };
        tracing::info!(file = %path.display(), "the stack file has changed");
        file.text = text;
        file.says = says;
        file.dark = dark;
        drop(state);
        self.publish();
    }
}
