//! The port that a program's source names.

use crate::draft::{DraftService, Origin};

/// A port, and how the program can be told another.
pub(super) struct Port {
    pub(super) number: u16,
    /// The environment variable that it reads.
    pub(super) variable: Option<String>,
    /// The option that it takes: `--port`.
    pub(super) option: Option<String>,
    pub(super) because: Origin,
}

impl Port {
    /// Writes it into the service, and into its variable if that is not `PORT`, which every service is
    /// given. The answer is whether the program reads `PORT`.
    pub(super) fn settle(&self, service: &mut DraftService) -> bool {
        service.port = Some(self.because.says(self.number));
        match self.variable.as_deref() {
            Some("PORT") => return true,
            Some(variable) => {
                let value = self.because.says("{port}".to_owned());
                service.env.push((variable.to_owned(), value));
            }
            None => {}
        }
        false
    }
}
