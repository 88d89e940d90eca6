//! Celery: its worker, and the scheduler.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    Placed,
    app::App,
    framework::Framework,
    place::{Hint, hint_for},
    project::{Project, usualness},
};
use crate::{
    detect::{Finds, System, file_name, health::log, line_at, rank_in, source::pattern},
    draft::{CommandLine, Kind, Origin},
};

static TAKEN: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"(?m)^(\w+)[ \t]*=[ \t]*(?:\w+\.extensions\[["']celery["']\]|\w*celery\w*\()"#)
});

impl Project<'_> {
    /// Adds the services of the project's Celery application, if it has one.
    pub(super) fn celery(&self, apps: &[Placed], finds: &mut Finds) {
        let Some((file, app)) = self.celery_app(apps) else {
            return;
        };
        let hint = self.celery_hint(&file, "worker");
        let base = hint.as_ref().map(|(_, base)| base.as_str());
        let place = self.place(&file, base, true);
        let target = match &hint {
            Some((hint, _)) => hint.command.target.clone().unwrap_or_default(),
            // Celery takes `app` of a module before `celery`, and that may be Flask's.
            None if app.object == "app" || (app.object == "celery" && !self.has_app(&file)) => {
                place.module.clone()
            }
            None => format!("{}.{}", place.module, app.object),
        };
        let because = Origin::line(&file, app.line, "a Celery application");
        let reason = hint.as_ref().map(|(hint, _)| hint.because());
        let reason = reason.unwrap_or_else(|| self.command_because(&because));
        let folder_name = self.name(&place.directory, "");
        let named = |part: &str| match folder_name.as_str() {
            "" | "backend" | "api" | "server" | "worker" => part.to_owned(),
            name => format!("{name}-{part}"),
        };
        let service = |part: &str, because: &Origin, line: &str| {
            let mut words = self.tool(&place.directory, "celery");
            words.extend(["-A", target.as_str(), part, "--loglevel", "info"].map(str::to_owned));
            if part == "worker" && self.listing.host.system == System::Windows {
                // Celery's other pools fork, which Windows cannot.
                words.push("--pool=solo".to_owned());
            }
            let (name, directory) = (named(part), &place.directory);
            let mut found = self.found(name, Kind::Worker, directory, because);
            found.service.command = Some(reason.says(CommandLine::Words(words)));
            place.set_path(&mut found.service, false);
            let because = Origin::known("Celery prints it when it is ready");
            found.service.ready = Some(because.says(log(line)));
            self.env_file(&mut found.service, &place.directory, Framework::Celery);
            found
        };
        let worker = service("worker", &because, r"\S+@\S+ ready");
        let beat = self
            .beat()
            .map(|because| service("beat", &because, "beat: Starting"));
        finds
            .apps
            .extend([Some(worker), beat].into_iter().flatten());
    }

    fn has_app(&self, file: &str) -> bool {
        let mut lines = self
            .codes
            .get(file)
            .into_iter()
            .flat_map(|code| code.lines());
        lines.any(|line| line.starts_with("app =") || line.starts_with("app="))
    }

    fn celery_app(&self, apps: &[Placed]) -> Option<(String, App)> {
        let mut found: Vec<(String, App)> = apps
            .iter()
            .filter(|placed| placed.app.framework == Framework::Celery && !placed.app.factory)
            .map(|placed| (placed.file.clone(), placed.app.clone()))
            .collect();
        if found.is_empty() && self.packages.contains_key("celery") {
            // As in Flask's manual: a factory makes it, and the module takes it out again.
            for (file, code) in &self.codes {
                if let Some(taken) = TAKEN.captures(code) {
                    let line = line_at(code, taken.get_match().start());
                    let app = App::new(Framework::Celery, &taken[1], line);
                    found.push((file.clone(), app));
                }
            }
        }
        found.into_iter().min_by_key(|(file, _)| {
            let usual = "celery.py celery_app.py worker.py tasks.py make_celery.py";
            let is_hinted = self.celery_hint(file, "worker").is_some();
            (!is_hinted, rank_in(usual, file_name(file)), usualness(file))
        })
    }

    /// Returns the command of the project that starts this part. `-A` has the module, its package, or the object in it.
    fn celery_hint(&self, file: &str, part: &str) -> Option<(Hint, String)> {
        let own = |hint: &&Hint| {
            hint.command.program == "celery" && hint.command.part.as_deref() == Some(part)
        };
        self.hints.iter().filter(own).find_map(|hint| {
            let target = hint.command.target.clone()?;
            let module = target.split(':').next()?;
            let object = module.rsplit_once('.').map(|(module, _)| module.to_owned());
            let package = format!("{module}.celery");
            let mut modules = [Some(module.to_owned()), object, Some(package)]
                .into_iter()
                .flatten();
            modules.find_map(|module| {
                let mut as_module = hint.clone();
                as_module.command.target = Some(module);
                let hints = [as_module];
                let (_, base) = hint_for(&hints, file)?;
                Some((hint.clone(), base))
            })
        })
    }

    /// Returns the line that schedules tasks.
    fn beat(&self) -> Option<Origin> {
        let marks = "beat_schedule BEAT_SCHEDULE add_periodic_task( crontab(";
        for (file, code) in &self.codes {
            if let Some(at) = marks.split(' ').find_map(|mark| code.find(mark)) {
                return Some(Origin::line(file, line_at(code, at), "schedules tasks"));
            }
        }
        let (file, line) = self.packages.get("django-celery-beat")?;
        Some(Origin::line(file, *line, "schedules tasks"))
    }
}
