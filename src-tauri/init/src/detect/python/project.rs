//! One Python project: which of its applications are services.

use std::collections::BTreeMap;

use super::{
    Placed,
    framework::Framework,
    packages::{Packages, packages},
    place::{Hint, hint_for},
    routes::Codes,
    run::{PythonEnvironment, environment},
};
use crate::{
    detect::{Finds, Found, Listing, file_name, folder, has_word, join, question, rank_in},
    draft::{Change, CommandLine, Kind, LeftOut, Origin},
};

/// A folder with Python in it: its code, its packages and its environment.
pub(in crate::detect) struct Project<'a> {
    pub(super) listing: &'a Listing,
    pub(super) codes: Codes,
    pub(super) hints: &'a [Hint],
    pub(super) root: String,
    pub(super) packages: Packages,
    pub(super) environment: PythonEnvironment,
}

/// The usual names of files with an application, the most usual first.
const NAMES: &str = "main.py app.py asgi.py wsgi.py server.py api.py application.py __init__.py __main__.py run.py \
    streamlit_app.py Home.py";

pub(super) fn is_usual(file: &str) -> bool {
    has_word(NAMES, file_name(file))
}

/// Returns how usual a file's name is for an application; lower is more usual.
pub(super) fn usualness(file: &str) -> (usize, usize) {
    (rank_in(NAMES, file_name(file)), file.matches('/').count())
}

impl<'a> Project<'a> {
    pub(super) fn new(
        listing: &'a Listing,
        codes: Codes,
        hints: &'a [Hint],
        root: String,
        unsaid: &mut Vec<LeftOut>,
    ) -> Self {
        Self {
            packages: packages(listing, &root, unsaid),
            environment: environment(listing, &root),
            listing,
            codes,
            hints,
            root,
        }
    }

    /// Adds the services of the project.
    pub(super) fn find(&self, apps: &[Placed], finds: &mut Finds) {
        let django = self.django();
        let has_django = django.is_some();
        finds.apps.extend(django);
        // One kind of application in one folder is one service: of two files there, one is a part or an older version
        // of the other.
        let mut groups: BTreeMap<(String, Framework), Vec<&Placed>> = BTreeMap::new();
        for placed in apps {
            let framework = placed.app.framework;
            let serves_django = framework.is_web() || framework == Framework::Script;
            if framework == Framework::Celery || (has_django && serves_django) {
                continue;
            }
            let kind = if framework.is_asgi() {
                Framework::Fastapi
            } else {
                framework
            };
            groups
                .entry((folder(&placed.file).to_owned(), kind))
                .or_default()
                .push(placed);
        }
        let mut chosen: Vec<Vec<&Placed>> =
            groups.into_values().map(|group| self.best(group)).collect();
        self.leave_out_parts(&mut chosen, finds);
        for group in chosen {
            self.serve(&group, finds);
        }
        self.celery(apps, finds);
    }

    /// Sorts a group, the likeliest first. Where a command of the project names one, only that is kept.
    fn best<'p>(&self, mut group: Vec<&'p Placed>) -> Vec<&'p Placed> {
        group.sort_by_key(|placed| {
            let hint = hint_for(self.hints, &placed.file);
            (
                hint.map_or(9, |(hint, _)| hint.rank),
                usualness(&placed.file),
                placed.file.clone(),
            )
        });
        let is_sure = |placed: &&Placed| {
            hint_for(self.hints, &placed.file).is_some()
                || placed.app.framework == Framework::Streamlit
        };
        if group.first().is_some_and(is_sure) {
            group.truncate(1);
        }
        // Two objects in one file are not two answers.
        group.dedup_by(|a, b| a.file == b.file);
        group
    }

    /// Leaves out an application in a folder below another of its kind that no command runs: it is a part of that one.
    fn leave_out_parts(&self, chosen: &mut Vec<Vec<&Placed>>, finds: &mut Finds) {
        let firsts: Vec<(String, Framework)> = chosen
            .iter()
            .filter_map(|group| group.first())
            .map(|placed| (placed.file.clone(), placed.app.framework))
            .collect();
        chosen.retain(|group| {
            let Some(placed) = group.first() else {
                return false;
            };
            let framework = placed.app.framework;
            let own = folder(&placed.file);
            let below = firsts.iter().any(|(file, other)| {
                let above = folder(file);
                let inside =
                    own != above && (above.is_empty() || own.starts_with(&format!("{above}/")));
                inside && (*other == framework || (other.is_web() && framework.is_web()))
            });
            let pages =
                framework == Framework::Streamlit && own.split('/').any(|part| part == "pages");
            if pages {
                return false;
            }
            if !below || hint_for(self.hints, &placed.file).is_some() {
                return true;
            }
            let name = file_name(&placed.file);
            if matches!(name, "main.py" | "server.py" | "asgi.py") && placed.app.port.is_some() {
                return true;
            }
            let title = framework.row().title();
            let what = format!("the {title} application `{}`", placed.app.object);
            let place = Origin::line(&placed.file, placed.app.line, "");
            let why = "it seems to be a part of the application above its folder";
            finds.leave_out(what, &place, why);
            false
        });
    }

    /// Adds the service of the first, and a question if another is as likely.
    fn serve(&self, group: &[&Placed], finds: &mut Finds) {
        let Some((first, others)) = group.split_first() else {
            return;
        };
        let mut found = self.service(first);
        if !others.is_empty()
            && let Some(default) = &found.service.command
        {
            let name = found.service.name.clone();
            let label =
                |file: &str, command: &CommandLine| format!("`{}` ({file})", command.shown());
            let others = others.iter().take(3).filter_map(|other| {
                let mut service = self.service(other).service;
                service.name.clone_from(&name);
                let label = label(&other.file, &service.command.as_ref()?.value);
                Some((label, 40, vec![Change::Put(Box::new(service))]))
            });
            let first_choice = (label(&first.file, &default.value), 60, Vec::new());
            let asked = question(
                format!("python-app:{}", join(&self.root, &name)),
                format!(
                    "Which {} application is {name}?",
                    first.app.framework.row().title()
                ),
                std::iter::once(first_choice).chain(others),
            );
            found.asks.push(asked);
        }
        finds.apps.push(found);
    }

    /// Returns the name of a service that runs in a folder.
    pub(super) fn name(&self, directory: &str, otherwise: &str) -> String {
        let folder = if self.root.is_empty() {
            directory
        } else {
            &self.root
        };
        let last = folder.rsplit('/').next().unwrap_or_default();
        if last.is_empty() || matches!(last, "src" | "app" | "python") {
            otherwise.to_owned()
        } else {
            last.to_owned()
        }
    }

    /// Returns the words that run a tool of the environment.
    pub(super) fn tool(&self, directory: &str, tool: &str) -> Vec<String> {
        self.environment
            .command(self.listing.host.system, directory, tool)
    }

    /// Returns a service of the project that runs in `directory`.
    pub(super) fn found(
        &self,
        name: String,
        kind: Kind,
        directory: &str,
        because: &Origin,
    ) -> Found {
        let mut found = Found::new(name, kind, directory, because.clone());
        if !self.root.is_empty() {
            found.root.clone_from(&self.root);
        }
        found
    }
}
