//! New stacks: the example, and a drafted stack file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::time::timeout;

use super::{AppState, acts::lines, door::UNKNOWN};
use crate::{
    control::Outcome,
    effects::remedy::stack_file_text,
    example::{self, Break, is_example},
    stack::Stack,
    stack_file,
};

impl AppState {
    /// Writes the example, unless it exists, and adds it.
    pub fn try_example(&self) -> Result<PathBuf, String> {
        let file = example::write(&example::folder(&self.0.home))
            .map_err(|error| format!("the example cannot be written: {error}"))?;
        self.add(&file)
    }

    /// Breaks the example, and returns a sentence about what was done.
    pub(super) async fn break_example(&self, file: &Path, how: Break) -> Result<String, String> {
        self.expect_example(file)?;
        if let Some(service) = how.restarts() {
            self.stop(file, vec![service]).await;
        }
        let stack = self.0.view.borrow().stack(file).cloned();
        let done = example::break_it(how, &*stack.ok_or(UNKNOWN)?).await;
        if how.restarts().is_some() {
            // That the start fails is the purpose.
            self.start(file, Vec::new()).await;
        }
        let mut view = self.view();
        let shown = view.wait_for(|view| view.stack(file).is_none_or(|stack| how.shows(stack)));
        // A diagnosis that comes too early finds less.
        let _ = timeout(example::WAIT, shown).await;
        done
    }

    /// Undoes what [`Self::break_example`] does, and starts the services that have failed.
    pub(super) async fn repair_example(&self, file: &Path) -> Result<Outcome, String> {
        let stack = self.expect_example(file)?;
        let repaired = example::repair(&stack).await;
        repaired.map_err(|error| format!("the example cannot be repaired: {error}"))?;
        Ok(self.start(file, Vec::new()).await)
    }

    fn expect_example(&self, file: &Path) -> Result<Arc<Stack>, String> {
        let stack = self.valid(file).filter(|stack| is_example(stack));
        stack.ok_or_else(|| "this is not the example".to_owned())
    }

    /// Writes the stack file of a scanned folder, if there is none and the text is valid, and adds it
    /// to the known stacks.
    pub fn write_draft(&self, file: &Path, text: &str) -> Result<PathBuf, String> {
        self.expect_drafted(file)?;
        let variables = self.0.own.borrow().variables.clone();
        let valid = stack_file::parse(file, text.as_bytes(), &variables);
        valid.map_err(|report| lines(&report))?;
        stack_file_text::create(file, text)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
        self.add(file)
    }
}
