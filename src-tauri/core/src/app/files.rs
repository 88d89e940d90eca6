//! The files of known stacks: their content and changes.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use super::{FileContent, Inner, acts::lines};
use crate::{
    app::window::FileChange,
    env::Env,
    fs::{
        project_file::{TIME_LIMIT, apart, apart_blocking},
        redact::redact,
    },
    stack::Stack,
    stack_file::{self, Place, ProblemKind, Report},
};

/// The content of a file, or why it could not be read.
pub(super) type Text = Result<String, String>;

/// The delay before a changed file is read, since editors often write in several steps.
const SETTLE: Duration = Duration::from_millis(50);

/// The polling interval for a file in a missing folder.
const NO_FOLDER: Duration = Duration::from_secs(5);

/// The time limit for reading a file while the window opens.
const BRIEF: Duration = Duration::from_secs(1);

/// Returns the text of a file and the stack in it, or its errors.
pub(super) async fn stack(file: &Path, variables: Env) -> Result<(String, Stack), String> {
    let path = file.to_owned();
    let reading = apart(TIME_LIMIT, move |_| {
        let text = stack_file::text(&path).map_err(|report| lines(&report))?;
        let stack = stack_file::parse(&path, text.as_bytes(), &variables);
        Ok((text, stack.map_err(|report| lines(&report))?))
    });
    let read = reading.await;
    read.unwrap_or_else(|error| Err(unread(file, &error)))
}

/// Reads the file with these variables.
pub(super) fn read(file: &Path, variables: Env) -> (Text, FileContent) {
    let path = file.to_owned();
    let read = apart_blocking(BRIEF, move |_| load(&path, &variables));
    read.unwrap_or_else(|error| nothing(file, &error))
}

fn unread(file: &Path, error: &io::Error) -> String {
    format!("{} cannot be read: {error}", file.display())
}

/// Returns the content for a file that cannot be read.
fn nothing(file: &Path, error: &io::Error) -> (Text, FileContent) {
    let message = unread(file, error);
    let wrong = FileChange::Invalid {
        message: message.clone(),
        line: None,
        column: None,
        excerpt: None,
    };
    (Err(message), FileContent::Wrong(wrong))
}

fn load(file: &Path, variables: &Env) -> (Text, FileContent) {
    let text = match stack_file::text(file) {
        Ok(text) => text,
        Err(report) => {
            let text = Err(lines(&report));
            return (text, FileContent::Wrong(wrong(&report)));
        }
    };
    let content = match stack_file::parse(file, text.as_bytes(), variables) {
        Ok(stack) => FileContent::Valid(Arc::new(stack)),
        Err(report) => FileContent::Wrong(wrong(&report)),
    };
    (Ok(text), content)
}

/// Returns the first error.
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

/// Reloads the file whenever it may have changed, while the app state exists.
pub(super) async fn watch(app: Weak<Inner>, file: PathBuf) {
    let folder = file.parent().map(Path::to_owned);
    loop {
        let Some(inner) = app.upgrade() else { return };
        let (exists, in_folder) = apart(TIME_LIMIT, {
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
        // Read after the watches are set, so that no change is missed.
        inner.reload_file(&file).await;
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
    /// Reloads all files with other variables.
    pub(super) fn reload_all_files(&self) {
        let known: Vec<PathBuf> = self.state().files.keys().cloned().collect();
        for path in known {
            let (text, content) = read(&path, self.variables(&path));
            let dark = self.dark(&path, &content);
            if let Some(file) = self.state().files.get_mut(&path) {
                (file.text, file.content, file.dark) = (text, content, dark);
            }
        }
        self.publish();
    }

    /// Reloads the file, if it has changed.
    async fn reload_file(&self, path: &Path) {
        let (file, variables) = (path.to_owned(), self.variables(path));
        let loaded = apart(TIME_LIMIT, move |_| load(&file, &variables)).await;
        let (text, content) = loaded.unwrap_or_else(|error| nothing(path, &error));
        let dark = self.dark(path, &content);
        let mut state = self.state();
        let Some(file) = state.files.get_mut(path).filter(|file| file.text != text) else {
            return;
        };
        tracing::info!(file = %path.display(), "the stack file has changed");
        file.text = text;
        file.content = content;
        file.dark = dark;
        drop(state);
        self.publish();
    }
}
