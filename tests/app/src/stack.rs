//! Stacks of real services.

use std::{fmt::Write as _, fs, path::PathBuf};

use pilotlight_test_service::free_port;

use crate::desktop::Desktop;

/// Builds a stack file.
#[derive(Debug)]
pub struct Stack {
    name: String,
    text: String,
}

impl Stack {
    /// Creates a stack without services.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            text: format!("name = \"{name}\"\n"),
        }
    }

    /// Adds lines to the file.
    #[must_use]
    pub fn with(mut self, text: &str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds a service that runs the steps of `words` and then listens on its own port. The lines are its other
    /// settings.
    #[must_use]
    pub fn service(mut self, name: &str, words: &str, lines: &str) -> Self {
        let port = free_port();
        let program = pilotlight_test_service::path().display();
        let _ = write!(
            self.text,
            "\n[service.{name}]\ncommand = \"{program} {words} --listen 127.0.0.1:{{port}}\"\nport = {port}\n{lines}\n"
        );
        self
    }

    /// Adds a Redis without persistence.
    #[must_use]
    pub fn redis(mut self, name: &str, lines: &str) -> Self {
        let port = free_port();
        let _ = write!(
            self.text,
            "\n[service.{name}]\ncommand = [\"redis-server\", \"--port\", \"{{port}}\", \"--save\", \"\", \
             \"--appendonly\", \"no\"]\nport = {port}\nready = {{ redis = \"redis://127.0.0.1:{{port}}/0\" }}\n{lines}\n"
        );
        self
    }

    /// Writes the file into a new folder in the user's home.
    #[must_use]
    pub fn write(&self, desktop: &Desktop) -> PathBuf {
        let folder = desktop.user().join(&self.name);
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("pilotlight.toml");
        fs::write(&file, &self.text).expect("the stack file");
        file.canonicalize().expect("the stack file")
    }
}
