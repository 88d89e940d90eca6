//! A draft as the window shows it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use pilotlight::{
    app::window::{Draft, Found},
    stack_file,
};

use crate::{
    draft::{DraftService, render},
    project::{self, LookError},
};

/// Why there is no draft of a folder.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The folder cannot be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// No file of the project names a program to start.
    #[error("no program to start was found in {}", .0.display())]
    NoProgram(PathBuf),
    /// No process has the project as its folder.
    #[error(
        "no process of the project in {} is running; start it as usual, then try again",
        .0.display()
    )]
    NothingRuns(PathBuf),
}

/// Returns the stack file for a folder, as `pilotlight init` would write it, with the likeliest answer
/// for every open question and without some services. Learns from the project's processes if it
/// `is_running`. Writes nothing.
///
/// # Errors
///
/// The folder cannot be read, or has no program to start.
pub async fn draft_for_window(
    folder: &Path,
    is_running: bool,
    without: &[String],
) -> Result<Draft, DraftError> {
    let looked = if is_running {
        project::look_at_running(folder).await
    } else {
        project::look(folder).await
    };
    let mut draft = looked?.combined.draft;
    if draft.services.is_empty() {
        let folder = folder.to_owned();
        return Err(if is_running {
            DraftError::NothingRuns(folder)
        } else {
            DraftError::NoProgram(folder)
        });
    }
    let file = folder.join(stack_file::FILE_NAME);
    let open = draft.questions.iter().map(|question| {
        let choice = question.choices.get(question.default);
        Found {
            text: match choice {
                Some(choice) => {
                    format!("{} {}, as below", question.text, choice.label)
                }
                None => question.text.clone(),
            },
            source: None,
            service: None,
        }
    });
    let found = draft.services.iter().map(found).chain(open).collect();
    for service in without {
        draft.remove(service);
    }
    Ok(Draft {
        text: match draft.services[..] {
            [] => String::new(),
            _ => render(&draft),
        },
        found,
        exists: fs::symlink_metadata(&file).is_ok(),
        file,
    })
}

fn found(service: &DraftService) -> Found {
    let text = &service.because.text;
    let port = service.port.as_ref();
    let port = port.map_or_else(String::new, |port| format!(", port {}", port.value));
    let why = if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    };
    Found {
        text: format!("{}{port}{why}", service.name),
        source: service.because.place(),
        service: Some(service.name.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_drafted_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            draft_for_window(folder.path(), false, &[]).await.is_err(),
            "it is empty"
        );
        let package = r#"{"name":"web","scripts":{"dev":"vite"},"devDependencies":{"vite":"^7"}}"#;
        fs::write(folder.path().join("package.json"), package).unwrap();
        let draft = draft_for_window(folder.path(), false, &[]).await.unwrap();
        assert!(!draft.exists);
        assert_eq!(draft.found[0].service.as_deref(), Some("web"));
        assert!(draft.text.contains("[service.web]"), "{}", draft.text);
        let without = draft_for_window(folder.path(), false, &["web".to_owned()]).await;
        let without = without.unwrap();
        assert_eq!(without.found, draft.found);
        assert_eq!(without.text, "");
        assert!(!draft.file.exists());
    }
}
