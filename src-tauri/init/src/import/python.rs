//! Files of other tools assume a shell in which the project's Python environment is active. A stack has no such
//! shell, so programs of that environment are named with their path.

use crate::{
    detect::{Listing, System, ancestors, has_word, join},
    draft::{CommandLine, DraftService},
};

/// Programs in a project's environment.
const PROGRAMS: &str = "alembic celery daphne django-admin fastapi flask gradio granian gunicorn honcho hypercorn huey_consumer \
    python python3 rq streamlit uvicorn";

/// Makes the command of a service work outside of the environment.
pub(super) fn adapt(service: &mut DraftService, listing: &Listing) {
    let folder = service.folder().to_owned();
    let Some(said) = &mut service.command else {
        return;
    };
    match &mut said.value {
        CommandLine::Words(words) => {
            if let Some(first) = words.first()
                && let Some(mut outside) = from_outside(first, &folder, listing)
            {
                outside.extend(words.drain(1..));
                *words = outside;
            }
        }
        CommandLine::Shell(line) => {
            let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
            if let Some(outside) = from_outside(first, &folder, listing) {
                *line = format!("{} {rest}", outside.join(" "));
            }
        }
    }
}

/// Returns the words that start a program of the environment in a folder or a parent folder.
fn from_outside(program: &str, folder: &str, listing: &Listing) -> Option<Vec<String>> {
    if !has_word(PROGRAMS, program) {
        return None;
    }
    let is_windows = listing.host.system == System::Windows;
    for (up, place) in ancestors(folder).enumerate() {
        for environment in [".venv", "venv"] {
            if listing.has_folder(&join(place, environment)) {
                let way = "../".repeat(up);
                let name = if program == "python3" {
                    "python"
                } else {
                    program
                };
                return Some(vec![if is_windows {
                    format!("{way}{environment}/Scripts/{name}.exe")
                } else {
                    format!("{way}{environment}/bin/{name}")
                }]);
            }
        }
        for (lock, runner) in [
            ("uv.lock", "uv"),
            ("poetry.lock", "poetry"),
            ("Pipfile", "pipenv"),
        ] {
            if listing.has(&join(place, lock)) && listing.host.has(runner) {
                return Some([runner, "run", program].map(str::to_owned).to_vec());
            }
        }
    }
    let only = |name: &str, other: &str| {
        program == name && !listing.host.has(name) && listing.host.has(other)
    };
    if only("python", "python3") {
        return Some(vec!["python3".to_owned()]);
    }
    only("python3", "python").then(|| vec!["python".to_owned()])
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
                CommandLine::Shell(line) => line,
            }
        };
        assert_eq!(
            adapted("api", &["python3", "x.py"]),
            ".venv/bin/python x.py"
        );
        assert_eq!(
            adapted("api/jobs", &["celery", "-A", "x"]),
            "../.venv/bin/celery -A x"
        );
        assert_eq!(adapted("api", &["node", "x"]), "node x");
        assert_eq!(adapted("web", &["python", "x"]), "python x");
    }
}
