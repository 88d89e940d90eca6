//! New stacks: the example, and a drafted stack file.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::time::timeout;

use super::{AppState, CallError};
use crate::{
    control::Outcome,
    effects::remedy::stack_file_text,
    example::{self, Break, BreakError, is_example},
    stack::Stack,
    stack_file,
};

impl AppState {
    /// Writes the example, unless it exists, and adds it.
    pub fn try_example(&self) -> Result<PathBuf, CallError> {
        let file = example::write(&example::folder(&self.0.home))
            .map_err(CallError::io("the example cannot be written"))?;
        self.add(&file)
    }

    /// Breaks the example, and returns a sentence about what was done.
    pub(super) async fn break_example(&self, file: &Path, how: Break) -> Result<String, CallError> {
        self.expect_example(file)?;
        if let Some(service) = how.restarts() {
            self.stop(file, vec![service]).await;
        }
        let stack = self.0.view.borrow().stack(file).cloned();
        let done = example::break_it(how, &*stack.ok_or(CallError::UnknownStack)?).await;
        if how.restarts().is_some() {
            // That the start fails is the purpose.
            self.start(file, Vec::new()).await;
        }
        let mut view = self.view();
        let shown = view.wait_for(|view| view.stack(file).is_none_or(|stack| how.shows(stack)));
        // A diagnosis that comes too early finds less.
        let _ = timeout(example::WAIT, shown).await;
        Ok(done?)
    }

    /// Undoes what [`Self::break_example`] does, and starts the services that have failed.
    pub(super) async fn repair_example(&self, file: &Path) -> Result<Outcome, CallError> {
        let stack = self.expect_example(file)?;
        let repaired = example::repair(&stack).await;
        repaired.map_err(CallError::io("the example cannot be repaired"))?;
        Ok(self.start(file, Vec::new()).await)
    }

    fn expect_example(&self, file: &Path) -> Result<Arc<Stack>, CallError> {
        let stack = self.valid(file).filter(|stack| is_example(stack));
        stack.ok_or(BreakError::NotExample.into())
    }

    /// Writes the stack file of a scanned folder, if there is none and the text is valid, and adds it
    /// to the known stacks.
    pub fn write_draft(&self, file: &Path, text: &str) -> Result<PathBuf, CallError> {
        self.expect_drafted(file)?;
        let variables = self.0.own.borrow().variables.clone();
        stack_file::parse(file, text.as_bytes(), &variables)?;
        stack_file_text::create(file, text).map_err(CallError::io(format!(
            "{} cannot be written",
            file.display()
        )))?;
        self.add(file)
    }
}
