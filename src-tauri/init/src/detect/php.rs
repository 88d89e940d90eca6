//! PHP: Laravel with its queue and its sockets, Symfony, and a plain `public` folder.

use serde_json::Value;

use super::{Finds, Found, Listing, file_name, folder, join, line_with, route, variables};
use crate::draft::{CommandLine, DraftService, Kind, LeftOut, Origin, Probe, Ready, Sourced};

/// Finds the applications and their workers.
pub(super) fn detect(listing: &Listing, finds: &mut Finds) {
    for path in listing.named("composer.json") {
        let Some(text) = listing.text(path) else {
            continue;
        };
        match serde_json::from_str::<Value>(text) {
            Ok(value) => Package {
                listing,
                root: folder(path),
                path,
                text,
                value,
            }
            .find(finds),
            Err(error) => finds.unsaid.push(LeftOut {
                what: "composer.json".to_owned(),
                file: Some(path.to_owned()),
                line: Some(error.line()),
                why: "it is not valid JSON, so what it requires is not known".to_owned(),
            }),
        }
    }
}

struct Package<'a> {
    listing: &'a Listing,
    root: &'a str,
    path: &'a str,
    text: &'a str,
    value: Value,
}

impl Package<'_> {
    fn find(&self, finds: &mut Finds) {
        if let Some(because) = self.requires("laravel/framework", "an application of Laravel")
            && self.listing.has(&self.at("artisan"))
        {
            self.laravel(&because, finds);
        } else if let Some(because) =
            self.requires("symfony/framework-bundle", "an application of Symfony")
        {
            let (words, reason) = (Self::built_in(), because.clone());
            finds
                .apps
                .push(self.served("symfony", &because, reason.says(words)));
        } else if self.listing.has(&self.at("public/index.php")) {
            let because = Origin::file(self.at("public/index.php"), "a page of PHP");
            finds
                .apps
                .push(self.served("php", &because, because.says(Self::built_in())));
        }
    }

    fn at(&self, path: &str) -> String {
        join(self.root, path)
    }

    fn requires(&self, package: &str, why: &str) -> Option<Origin> {
        self.value.get("require")?.get(package)?;
        Some(Origin::line(self.path, line_with(self.text, package), why))
    }

    /// PHP's own server, which is there wherever PHP is.
    fn built_in() -> CommandLine {
        CommandLine::words(["php", "-S", "localhost:{port}", "-t", "public"])
    }

    fn named(&self, otherwise: &str) -> String {
        match file_name(self.root) {
            "" => otherwise.to_owned(),
            name => name.to_owned(),
        }
    }

    fn found(&self, service: DraftService, framework: &'static str) -> Found {
        Found {
            service,
            root: self.root.to_owned(),
            framework: Some(framework),
            ..Found::default()
        }
    }

    fn service(
        &self,
        name: String,
        kind: Kind,
        because: &Origin,
        command: Sourced<CommandLine>,
    ) -> DraftService {
        let mut service = DraftService::new(name, kind, because.clone());
        service.command = Some(command);
        service.directory = (!self.root.is_empty()).then(|| because.says(self.root.to_owned()));
        service
    }

    fn served(
        &self,
        framework: &'static str,
        because: &Origin,
        command: Sourced<CommandLine>,
    ) -> Found {
        let mut service = self.service(self.named("app"), Kind::Backend, because, command);
        service.port = Some(Origin::known("the usual port").says(8000));
        self.found(service, framework)
    }

    fn laravel(&self, because: &Origin, finds: &mut Finds) {
        let artisan = |words: &[&str]| {
            let words = ["php", "artisan"].iter().chain(words).copied();
            because.says(CommandLine::words(words))
        };
        let variables = variables::of_folder(self.listing, self.root);
        let command = artisan(&["serve", "--port={port}"]);
        let mut service = self.service(self.named("app"), Kind::Backend, because, command);
        let set = variables.get("SERVER_PORT").and_then(|set| {
            let because = Origin::line(&set.file, set.line, "the port is set there");
            Some(because.says(set.value.parse().ok().filter(|port: &u16| *port != 0)?))
        });
        service.port =
            Some(set.unwrap_or_else(|| Origin::known("Laravel's usual port").says(8000)));
        service.ready = self.laravel_health();
        finds.apps.push(self.found(service, "laravel"));

        let worker = |name: &str| match file_name(self.root) {
            "" | "backend" | "api" => name.to_owned(),
            folder => format!("{folder}-{name}"),
        };
        if let Some(because) = self.requires("laravel/horizon", "Horizon works on the queue") {
            let command = artisan(&["horizon"]);
            let service = self.service(worker("horizon"), Kind::Worker, &because, command);
            finds.apps.push(self.found(service, "laravel"));
        } else if let Some(queue) = variables
            .get("QUEUE_CONNECTION")
            .filter(|queue| !matches!(queue.value.as_str(), "sync" | "null" | ""))
            && self.works_in_background()
        {
            let because = Origin::line(&queue.file, queue.line, "work goes to a queue");
            let command = artisan(&["queue:listen", "--tries=1"]);
            let service = self.service(worker("queue"), Kind::Worker, &because, command);
            finds.apps.push(self.found(service, "laravel"));
        }
        if let Some(because) = self.requires("laravel/reverb", "Reverb serves WebSockets") {
            let command = artisan(&["reverb:start", "--port={port}"]);
            let mut service = self.service(worker("reverb"), Kind::Backend, &because, command);
            let set = variables
                .get("REVERB_SERVER_PORT")
                .or_else(|| variables.get("REVERB_PORT"));
            let set = set.and_then(|set| {
                let because = Origin::line(&set.file, set.line, "the port is set there");
                Some(because.says(set.value.parse().ok().filter(|port: &u16| *port >= 1024)?))
            });
            service.port =
                Some(set.unwrap_or_else(|| Origin::known("Reverb's usual port").says(8080)));
            // Its pages are not those of the application, whose health page it has not.
            service.ready = Some(because.says(Ready {
                probes: vec![Probe::Tcp("localhost:{port}".to_owned())],
                ..Ready::default()
            }));
            finds.apps.push(self.found(service, "reverb"));
        }
    }

    /// A queue is set in every new application; jobs, or a script that listens, say that it is used.
    fn works_in_background(&self) -> bool {
        self.listing.has_folder(&self.at("app/Jobs"))
            || self.text.contains("queue:listen")
            || self.text.contains("queue:work")
    }

    /// `health: '/up'` in `bootstrap/app.php`
    fn laravel_health(&self) -> Option<Sourced<Ready>> {
        let path = self.at("bootstrap/app.php");
        let text = self.listing.text(&path)?;
        text.lines().enumerate().find_map(|(index, line)| {
            let said = line.trim_start().strip_prefix("health:")?.trim();
            let page = super::source::literal(said.trim_end_matches(','))?;
            let because = Origin::line(&path, index + 1, "its health page");
            page.starts_with('/')
                .then(|| because.says(route::page(page)))
        })
    }
}
