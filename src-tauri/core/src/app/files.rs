//! The files of known stacks: their content and changes.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::{BoxFuture, FutureExt as _, select_all};

use super::{CallError, FileContent, Inner, acts::lines};
use crate::{
    app::window::FileChange,
    env::Env,
    fs::{
        home::Home,
        project_file::{TIME_LIMIT, apart, apart_blocking},
        redact::redact,
    },
    stack::Stack,
    stack_file::{self, Place, ProblemKind, Report},
    state::profile,
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
pub(super) async fn stack(
    home: &Home,
    file: &Path,
    variables: Env,
) -> Result<(String, Stack), CallError> {
    let (home, path) = (home.clone(), file.to_owned());
    let reading = apart(TIME_LIMIT, move |_| {
        let text = text(&home, &path)?;
        let stack = stack_file::parse(&path, text.as_bytes(), &variables)?;
        Ok((text, stack))
    });
    reading
        .await
        .unwrap_or_else(|error| Err(unread(file)(error)))
}

/// Returns the text of the files of a stack, for the profiles that were chosen last.
fn text(home: &Home, file: &Path) -> Result<String, Report> {
    stack_file::whole(file, &profile::chosen(home, &home.stack_id(file)))
}

/// Reads the file with these variables.
pub(super) fn read(home: &Home, file: &Path, variables: Env) -> (Text, FileContent) {
    let (home, path) = (home.clone(), file.to_owned());
    let read = apart_blocking(BRIEF, move |_| load(&home, &path, &variables));
    read.unwrap_or_else(|error| nothing(file, error))
}

fn unread(file: &Path) -> impl FnOnce(io::Error) -> CallError {
    CallError::io(format!("{} cannot be read", file.display()))
}

/// Returns the content for a file that cannot be read.
fn nothing(file: &Path, error: io::Error) -> (Text, FileContent) {
    let message = unread(file)(error).to_string();
    let wrong = FileChange::Invalid {
        message: message.clone(),
        line: None,
        column: None,
        excerpt: None,
    };
    (Err(message), FileContent::Wrong(wrong))
}

fn load(home: &Home, file: &Path, variables: &Env) -> (Text, FileContent) {
    let text = match text(home, file) {
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
    // The window shows the line of the stack file itself.
    let elsewhere = problem.file() != report.file().display().to_string();
    let file = elsewhere.then(|| format!("{}: ", problem.file()));
    let file = file.unwrap_or_default();
    FileChange::Invalid {
        message: format!("{file}{problem}; {}", problem.suggestion()),
        line: place.map(|Place { line, .. }| line),
        column: place.map(|Place { column, .. }| column),
        excerpt: problem.line().map(|line| redact(line).into_owned()),
    }
}

/// Reloads the files of a stack whenever one of them may have changed, or another profile was chosen,
/// while the app state exists.
pub(super) async fn watch(app: Weak<Inner>, file: PathBuf) {
    loop {
        let Some(inner) = app.upgrade() else { return };
        let mut files = {
            let state = inner.state();
            let text = state.files.get(&file).map(|known| known.text.clone());
            let text = text.and_then(Result::ok).unwrap_or_default();
            stack_file::files(&file, &text)
        };
        files.push(profile::file(&inner.home, &inner.home.stack_id(&file)));
        let (files, folders) = apart(TIME_LIMIT, move |_| existing(files))
            .await
            .unwrap_or_default();
        let growths = files.iter().map(|file| inner.watcher.growth(file));
        let arrivals = folders.iter().map(|folder| inner.watcher.arrival(folder));
        let armed: Vec<_> = growths.chain(arrivals).collect();
        // Read after the watches are set, so that no change is missed.
        let has_others = inner.reload_file(&file).await;
        drop(inner);
        if has_others {
            // It names other files now.
            continue;
        }
        let has_folder = file.parent().is_some_and(|folder| folders.contains(folder));
        // There is always one to wait for, so that the list is not empty.
        let mut fired: Vec<BoxFuture<'_, ()>> = Vec::new();
        fired.extend(armed.into_iter().map(|armed| armed.fired().boxed()));
        if !has_folder {
            fired.push(tokio::time::sleep(NO_FOLDER).boxed());
        }
        select_all(fired).await;
        tokio::time::sleep(SETTLE).await;
    }
}

/// Returns the existing files, and the existing folders of all of them.
fn existing(files: Vec<PathBuf>) -> (Vec<PathBuf>, BTreeSet<PathBuf>) {
    let folders = files.iter().filter_map(|file| file.parent());
    let folders = folders.filter(|folder| folder.is_dir());
    let folders = folders.map(Path::to_owned).collect();
    let files = files.into_iter().filter(|file| file.exists()).collect();
    (files, folders)
}

impl Inner {
    /// Reloads all files with other variables.
    pub(super) fn reload_all_files(&self) {
        let known: Vec<PathBuf> = self.state().files.keys().cloned().collect();
        for path in known {
            let (text, content) = read(&self.home, &path, self.variables(&path));
            let dark = self.dark(&path, &content);
            if let Some(file) = self.state().files.get_mut(&path) {
                (file.text, file.content, file.dark) = (text, content, dark);
            }
        }
        self.publish();
    }

    /// Reloads the files of a stack, if one has changed. Returns whether the stack has other files now.
    pub(super) async fn reload_file(&self, path: &Path) -> bool {
        let (home, file, variables) = (self.home.clone(), path.to_owned(), self.variables(path));
        let loaded = apart(TIME_LIMIT, move |_| load(&home, &file, &variables)).await;
        let (text, content) = loaded.unwrap_or_else(|error| nothing(path, error));
        let dark = self.dark(path, &content);
        let mut state = self.state();
        let Some(file) = state.files.get_mut(path).filter(|file| file.text != text) else {
            return false;
        };
        let files = |text: &Text| {
            let text = text.as_deref().unwrap_or_default();
            stack_file::files(path, text)
        };
        let has_others = files(&file.text) != files(&text);
        tracing::info!(file = %path.display(), "the stack file has changed");
        file.text = text;
        file.content = content;
        file.dark = dark;
        drop(state);
        self.publish();
        has_others
    }
}
