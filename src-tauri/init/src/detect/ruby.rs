//! Ruby: Rails, other Rack applications, and the workers beside them.

use std::sync::LazyLock;

use regex::Regex;

use super::{
    Finds, Found, Listing, System, file_name, folder, join, line_at, line_with, route,
    source::{Syntax, pattern, port_in, without_comments},
};
use crate::draft::{CommandLine, DraftService, Kind, Origin, Sourced};

/// Finds the applications and their workers.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    for path in listing.named("Gemfile") {
        let Some(text) = listing.text(path) else {
            continue;
        };
        let gems = without_comments(text, Syntax::HASH);
        Bundle {
            listing,
            root: folder(path),
            path,
            gems,
        }
        .find(finds);
    }
}

struct Bundle<'a> {
    listing: &'a Listing,
    root: &'a str,
    path: &'a str,
    gems: String,
}

impl Bundle<'_> {
    fn find(&self, finds: &mut Finds) {
        let rails = self.gem("rails");
        if rails.is_some() && self.listing.has(&self.at("config/routes.rb")) {
            finds
                .apps
                .push(self.rails(&self.because(rails, "an application of Rails")));
        } else if self.listing.has(&self.at("config.ru")) {
            finds.apps.push(self.rack());
        } else {
            return;
        }
        if let Some(line) = self.gem("sidekiq") {
            let because = self.because(Some(line), "Sidekiq works in the background");
            let words = ["bundle", "exec", "sidekiq"];
            finds
                .apps
                .push(self.worker("sidekiq", &because, &words, "Starting processing"));
        } else if let Some(because) = self.solid_queue() {
            finds.apps.push(self.worker(
                "jobs",
                &because,
                &self.script("bin/jobs"),
                "Started Supervisor",
            ));
        } else if let Some(line) = self.gem("good_job") {
            let because = self.because(Some(line), "GoodJob works in the background");
            finds.apps.push(self.worker(
                "jobs",
                &because,
                &["bundle", "exec", "good_job", "start"],
                "GoodJob",
            ));
        }
    }

    fn at(&self, path: &str) -> String {
        join(self.root, path)
    }

    /// The line of a gem.
    fn gem(&self, name: &str) -> Option<usize> {
        self.gems
            .lines()
            .position(|line| {
                let rest = line.trim_start().strip_prefix("gem").unwrap_or_default();
                let rest = rest.trim_start_matches([' ', '(']);
                rest.strip_prefix(['"', '\'']).is_some_and(|rest| {
                    rest.strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with(['"', '\'']))
                })
            })
            .map(|index| index + 1)
    }

    fn because(&self, line: Option<usize>, text: &str) -> Origin {
        Origin::line(self.path, line, text)
    }

    /// A script of the project: Windows does not read its first line.
    fn script(&self, path: &'static str) -> Vec<&'static str> {
        if self.listing.host.system == System::Windows {
            vec!["ruby", path]
        } else {
            vec![path]
        }
    }

    fn found(&self, service: DraftService, framework: &'static str, reads_port: bool) -> Found {
        Found {
            service,
            root: self.root.to_owned(),
            framework: Some(framework),
            reads_port,
            ..Found::default()
        }
    }

    fn directory(&self, because: &Origin) -> Option<Sourced<String>> {
        (!self.root.is_empty()).then(|| because.says(self.root.to_owned()))
    }

    fn name(&self, otherwise: &str) -> String {
        match file_name(self.root) {
            "" => otherwise.to_owned(),
            name => name.to_owned(),
        }
    }

    fn rails(&self, because: &Origin) -> Found {
        let mut words = if self.listing.has(&self.at("bin/rails")) {
            self.script("bin/rails")
        } else {
            vec!["bundle", "exec", "rails"]
        };
        words.extend(["server", "-p", "{port}"]);
        let mut service = DraftService::new(self.name("app"), Kind::Backend, because.clone());
        service.command = Some(because.says(CommandLine::words(words)));
        service.directory = self.directory(because);
        service.port = Some(
            self.puma_port()
                .unwrap_or_else(|| Origin::known("Rails' usual port").says(3000)),
        );
        service.start_timeout = None;
        service.ready = self.rails_health();
        self.found(service, "rails", false)
    }

    /// `port ENV.fetch("PORT") { 3000 }` in Puma's settings.
    fn puma_port(&self) -> Option<Sourced<u16>> {
        let path = self.at("config/puma.rb");
        let code = without_comments(self.listing.text(&path)?, Syntax::HASH);
        code.lines().enumerate().find_map(|(index, line)| {
            let said = line.trim_start().strip_prefix("port")?;
            let said = said.strip_prefix([' ', '('])?;
            Some(Origin::line(&path, index + 1, "the port is set there").says(port_in(said)?))
        })
    }

    fn rails_health(&self) -> Option<Sourced<crate::draft::Ready>> {
        static ROUTE: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r#"(?m)^(?:  |\t)get\s*\(?\s*["']/?([\w/-]+)["']\s*(?:=>|,\s*to:)\s*["']([^"']+)["']"#,
            )
        });
        let path = self.at("config/routes.rb");
        let code = without_comments(self.listing.text(&path)?, Syntax::HASH);
        ROUTE.captures_iter(&code).find_map(|found| {
            let (page, action) = (found.get(1)?, found.get(2)?);
            let well = action.as_str() == "rails/health#show"
                || super::python::health_rank(page.as_str()).is_some();
            let because = Origin::line(&path, line_at(&code, page.start()), "its health page");
            well.then(|| because.says(route::page(&format!("/{}", page.as_str()))))
        })
    }

    fn rack(&self) -> Found {
        let path = self.at("config.ru");
        let because = Origin::file(&path, "an application of Rack");
        let (words, usual) = if self.gem("puma").is_some() {
            (["bundle", "exec", "puma", "-p", "{port}"], 9292)
        } else {
            (["bundle", "exec", "rackup", "-p", "{port}"], 9292)
        };
        let mut service = DraftService::new(self.name("backend"), Kind::Backend, because.clone());
        service.command = Some(because.says(CommandLine::words(words)));
        service.directory = self.directory(&because);
        let port = self.puma_port();
        service.port = Some(port.unwrap_or_else(|| Origin::known("Rack's usual port").says(usual)));
        self.found(service, "rack", false)
    }

    fn worker(&self, name: &str, because: &Origin, words: &[&str], ready: &str) -> Found {
        let name = match file_name(self.root) {
            "" | "backend" | "api" => name.to_owned(),
            folder => format!("{folder}-{name}"),
        };
        let mut service = DraftService::new(name, Kind::Worker, because.clone());
        service.command = Some(because.says(CommandLine::words(words.iter().copied())));
        service.directory = self.directory(because);
        if ready == "Starting processing" {
            service.ready =
                Some(Origin::known("what Sidekiq says when it is").says(route::log(ready)));
        }
        self.found(service, "sidekiq", false)
    }

    /// Solid Queue, where it is what development uses too.
    fn solid_queue(&self) -> Option<Origin> {
        self.gem("solid_queue")?;
        let path = self.at("config/environments/development.rb");
        let text = self.listing.text(&path)?;
        let line = line_with(text, ":solid_queue")?;
        self.listing
            .has(&self.at("bin/jobs"))
            .then(|| Origin::line(path, line, "Solid Queue works in the background"))
    }
}
