//! A draft as the window shows it.

use std::{fs, path::Path};

use pilotlight::{
    app::window::{Draft, Found},
    stack_file,
};

use crate::{
    draft::{DraftService, render},
    project,
};

/// Returns the stack file for a folder, as `pilotlight init` would write it, with the likeliest answer
/// for every open question. Writes nothing.
pub async fn draft_for_window(folder: &Path) -> Result<Draft, String> {
    let looked = project::look(folder)
        .await
        .map_err(|error| error.to_string())?;
    let draft = &looked.combined.draft;
    if draft.services.is_empty() {
        return Err(format!(
            "no program to start was found in {}",
            folder.display()
        ));
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
        }
    });
    Ok(Draft {
        text: render(draft),
        found: draft.services.iter().map(found).chain(open).collect(),
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_drafted_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            draft_for_window(folder.path()).await.is_err(),
            "it is empty"
        );
        let package = r#"{"name":"web","scripts":{"dev":"vite"},"devDependencies":{"vite":"^7"}}"#;
        fs::write(folder.path().join("package.json"), package).unwrap();
        let draft = draft_for_window(folder.path()).await.unwrap();
        assert!(!draft.exists);
        assert!(!draft.found.is_empty());
        assert!(!draft.file.exists());
    }
}
