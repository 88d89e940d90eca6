//! Celery: its workers, and the clock that gives them work.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    Placed,
    app::App,
    framework::Framework,
    place::{Hint, hint_for, place},
    project::{Project, usualness},
    server::Program,
};
use crate::{
    detect::{Finds, System, line_at, route::log, source::pattern},
    draft::{CommandLine, DraftService, Kind, Origin, plain},
};

static TAKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)^(\w+)[ \t]*=[ \t]*(?:\w+\.extensions\[["']celery["']\]|\w*celery\w*\()"#)
});

impl Project<'_> {
    /// The services of the project's Celery application, if it has one.
    pub(super) fn celery(&self, apps: &[Placed], finds: &mut Finds) {
        let Some((file, app)) = self.celery_app(apps) else {
            return;
        };
        let hint = self.celery_hint(&file, "worker");
        let base = hint.as_ref().map(|(_, base)| base.as_str());
        let place = place(self.listing, &self.codes, &file, &self.root, base, true);
        let target = match &hint {
            Some((hint, _)) => hint.command.target.clone().unwrap_or_default(),
            None if matches!(app.object.as_str(), "app" | "celery") => place.module.clone(),
            None => format!("{}.{}", place.module, app.object),
        };
        let because = Origin::line(&file, app.line, "a Celery application");
        let reason = match &hint {
            Some((hint, _)) => hint.because(),
            None => self.command_because(&because),
        };
        let folder_name = self.name(&place.directory, "");
        let named = |part: &str| match folder_name.as_str() {
            "" | "backend" | "api" | "server" | "worker" => part.to_owned(),
            name => format!("{name}-{part}"),
        };
        let service = |part: &str, because: &Origin, ready: &str| {
            let mut words = self.tool(&place.directory, "celery");
            words.extend(["-A", target.as_str(), part, "--loglevel", "info"].map(str::to_owned));
            if part == "worker" && self.listing.host.system == System::Windows {
                // Its other pools fork, which Windows cannot.
                words.push("--pool=solo".to_owned());
            }
            let mut service = DraftService::new(named(part), Kind::Worker, because.clone());
            service.command = Some(reason.says(CommandLine::Words(words)));
            service.directory = Self::directory(&place.directory, because);
            if !place.path.is_empty() {
                let because = Origin::known("where the modules are");
                service
                    .env
                    .push(("PYTHONPATH".to_owned(), because.says(plain(&place.path))));
            }
            service.ready = Some(Origin::known("what Celery says when it is").says(log(ready)));
            self.env_file(&mut service, &place.directory, Framework::Celery);
            self.found(service, "celery")
        };
        finds
            .apps
            .push(service("worker", &because, r"\S+@\S+ ready"));
        if let Some(because) = self.beat() {
            finds.apps.push(service("beat", &because, "beat: Starting"));
        }
    }

    fn celery_app(&self, apps: &[Placed]) -> Option<(String, App)> {
        let mut found: Vec<(String, App)> = apps
            .iter()
            .filter(|placed| placed.app.framework == Framework::Celery && !placed.app.factory)
            .map(|placed| (placed.file.clone(), placed.app.clone()))
            .collect();
        if found.is_empty() && self.packages.contains_key("celery") {
            // As Flask's manual has it: made by a factory, taken out again.
            for (file, code) in &self.codes {
                if let Some(taken) = TAKEN.captures(code)
                    && let (Some(whole), Some(object)) = (taken.get(0), taken.get(1))
                {
                    let app = App {
                        framework: Framework::Celery,
                        object: object.as_str().to_owned(),
                        factory: false,
                        line: line_at(code, whole.start()),
                        port: None,
                        port_name: None,
                        reload: false,
                        documented: false,
                    };
                    found.push((file.clone(), app));
                }
            }
        }
        found.into_iter().min_by_key(|(file, _)| {
            let usual = [
                "celery.py",
                "celery_app.py",
                "worker.py",
                "tasks.py",
                "make_celery.py",
            ];
            let name = crate::detect::file_name(file);
            let rank = usual
                .iter()
                .position(|usual| *usual == name)
                .unwrap_or(usual.len());
            (
                self.celery_hint(file, "worker").is_none(),
                rank,
                usualness(file),
            )
        })
    }

    /// The command of the project that starts this part. What stands in `-A` is the module, its
    /// package, or the object in it.
    fn celery_hint(&self, file: &str, part: &str) -> Option<(Hint, String)> {
        let own = |hint: &&Hint| {
            hint.command.program == Program::Celery && hint.command.part.as_deref() == Some(part)
        };
        self.hints.iter().filter(own).find_map(|hint| {
            let target = hint.command.target.clone()?;
            let module = target
                .split_once(':')
                .map_or(target.as_str(), |(module, _)| module);
            let object = module.rsplit_once('.').map(|(module, _)| module.to_owned());
            let package = format!("{module}.celery");
            [Some(module.to_owned()), object, Some(package)]
                .into_iter()
                .flatten()
                .find_map(|module| {
                    let mut as_module = hint.clone();
                    as_module.command.target = Some(module);
                    let hints = [as_module];
                    let (_, base) = hint_for(&hints, file)?;
                    Some((hint.clone(), base))
                })
        })
    }

    /// What says that there is work by the clock.
    fn beat(&self) -> Option<Origin> {
        for (file, code) in &self.codes {
            for mark in [
                "beat_schedule",
                "BEAT_SCHEDULE",
                "add_periodic_task(",
                "crontab(",
            ] {
                if let Some(at) = code.find(mark) {
                    return Some(Origin::line(file, line_at(code, at), "work by the clock"));
                }
            }
        }
        let (file, line) = self.packages.get("django-celery-beat")?;
        Some(Origin::line(file, *line, "work by the clock"))
    }
}
