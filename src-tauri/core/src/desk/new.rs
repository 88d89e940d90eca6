//! Stacks that are not there yet: the example, and a stack file that was drafted for a folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Desk;
use crate::{
    draft::{Because, DraftService, render},
    effects::project,
    stack_file,
    window::{Draft, Found},
};

impl Desk {
    /// The stack file that fits a folder, as `pilotlight init` would write it with what is likeliest
    /// where the project does not answer. Nothing is written.
    pub async fn look_at(&self, folder: &Path) -> Result<Draft, String> {
        let looked = project::look(folder)
            .await
            .map_err(|error| format!("failed to {error}"))?;
        let draft = &looked.combined.draft;
        if draft.services.is_empty() {
            return Err(format!(
                "nothing was found in {} that can be started",
                folder.display()
            ));
        }
        let file = folder.join(stack_file::FILE_NAME);
        let open = draft.questions.iter().map(|question| {
            let choice = question.choices.get(question.default);
            Found {
                text: match choice {
                    Some(choice) => {
                        format!("{} {}, as it stands below", question.text, choice.label)
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

    /// Copies the example to `place`, unless somebody has done so before, and knows it.
    pub fn try_example(&self, example: &Path, place: &Path) -> Result<PathBuf, String> {
        let file = place.join(stack_file::FILE_NAME);
        if !file.exists() {
            copy(example, place).map_err(|error| {
                format!("failed to copy the example to {}: {error}", place.display())
            })?;
        }
        self.add(&file)
    }

    /// Writes a stack file where none is, if its text is valid, and knows it.
    pub fn write_draft(&self, file: &Path, text: &str) -> Result<PathBuf, String> {
        let variables = self.0.own.borrow().variables.clone();
        let valid = stack_file::parse(file, text.as_bytes(), &variables);
        valid.map_err(|report| report.lines().collect::<Vec<_>>().join("\n"))?;
        project::create(file, text)
            .map_err(|error| format!("failed to write {}: {error}", file.display()))?;
        self.add(file)
    }
}

fn found(service: &DraftService) -> Found {
    let Because { text, file, line } = &service.because;
    let port = service.port.as_ref();
    let port = port.map_or_else(String::new, |port| format!(", port {}", port.value));
    let why = if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    };
    Found {
        text: format!("{}{port}{why}", service.name),
        source: file.as_ref().map(|file| match line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        }),
    }
}

/// Copies the files of a folder and those in folders below. None that is there is written over.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else if !to.exists() {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}
