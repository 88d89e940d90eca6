//! Files of other tools assume a shell in which the project's Python environment is active. A stack has no such
//! shell, so programs of that environment are named with their path.

use crate::{
    detect::{Listing, in_environment},
    draft::{CommandLine, DraftService},
};

/// Makes the command of a service work outside of the environment.
pub(super) fn adapt(service: &mut DraftService, listing: &Listing) {
    let folder = service.folder().to_owned();
    let Some(said) = &mut service.command else {
        return;
    };
    match &mut said.value {
        CommandLine::Words(words) => {
            if let Some(first) = words.first()
                && let Some(mut outside) = in_environment(listing, &folder, first)
            {
                outside.extend(words.drain(1..));
                *words = outside;
            }
        }
        CommandLine::Shell(line) => {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            if let Some(outside) = in_environment(listing, &folder, first) {
                *line = format!("{} {rest}", outside.join(" "));
            }
        }
        CommandLine::Compose { .. } | CommandLine::Container(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        detect::Host,
        draft::{Kind, Origin},
    };

    #[test]
    fn programs_of_an_environment_are_found_from_outside() {
        let mut listing = Listing::new("x", Host::default());
        listing.add_folder("api/.venv");
        let adapted = |folder: &str, line: &[&str]| {
            let mut service = DraftService::new("a", Kind::Backend, Origin::known(""));
            service.directory = Some(Origin::known("").says(folder.to_owned()));
            service.command = Some(Origin::known("").says(CommandLine::words(line.to_vec())));
            adapt(&mut service, &listing);
            match service.command.unwrap().value {
                CommandLine::Words(words) => words.join(" "),
                other => other.shown(),
            }
        };
        assert_eq!(
            adapted("api", &["python3", "x.py"]),
            ".venv/bin/python x.py"
        );
        assert_eq!(
            adapted("api/jobs", &["celery", "-A", "x"]),
            "../.venv/bin/python -m celery -A x"
        );
        assert_eq!(
            adapted("api", &["honcho", "start"]),
            ".venv/bin/honcho start"
        );
        assert_eq!(adapted("api", &["node", "x"]), "node x");
        assert_eq!(adapted("web", &["python", "x"]), "python x");
    }
}
