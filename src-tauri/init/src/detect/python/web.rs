//! The services that answer on a port: the server, its folder, its port and its health page.

use super::{
    Placed,
    app::App,
    framework::Framework,
    place::{Hint, Place, hint_for},
    project::Project,
    routes::{django_health, health},
    run::{PythonManager, from},
    server::ServerCommand,
    serving::assigned,
};
use crate::{
    detect::{
        Found, folder, health::ready, join, line_with, port::Port, source::port_in, variables,
    },
    draft::{CommandLine, DraftService, Kind, Origin, Sourced},
};

/// The lowest port of a developer's process: lower ones are those of a container.
const LOWEST_PORT: u16 = 1024;

impl Project<'_> {
    /// Returns the service of `manage.py runserver`.
    pub(super) fn django(&self) -> Option<Found> {
        let manage = join(&self.root, "manage.py");
        let text = self
            .listing
            .text(&manage)
            .filter(|text| text.contains("django"))?;
        let line = line_with(text, "execute_from_command_line").or(Some(1));
        let because = Origin::line(&manage, line, "a Django project");
        let name = self.name(&self.root, "app");
        let mut found = self.found(name, Kind::Backend, &self.root, &because);
        let mut words = self.tool(&self.root, "python");
        words.extend(["manage.py", "runserver", "{port}"].map(str::to_owned));
        found.runs(&self.command_because(&because), &self.root, words);
        let service = &mut found.service;
        let said = self.hints.iter().find_map(|hint| {
            let is_own = hint.command.program == "manage.py" && hint.base_of(&manage).is_some();
            let port = hint
                .command
                .port
                .filter(|port| is_own && *port >= LOWEST_PORT)?;
            Some(hint.because().says(port))
        });
        service.port =
            Some(said.unwrap_or_else(|| Origin::known("Django's usual port").says(8000)));
        service.ready = django_health(&self.codes);
        if self
            .codes
            .values()
            .any(|code| code.contains("admin.site.urls"))
        {
            let page = Origin::default().says("/admin/".to_owned());
            service.links.push(("admin".to_owned(), page));
        }
        self.modules(service, &self.root, &["django"]);
        Some(found)
    }

    /// Returns the service of an application.
    pub(super) fn service(&self, placed: &Placed) -> Found {
        let Placed { file, app, maker } = placed;
        let framework = app.framework;
        let hint = hint_for(self.hints, file);
        let base = hint.as_ref().map(|(_, base)| base.as_str());
        let mut place = self.place(file, base, framework.is_web());
        let name_folder = place.directory.clone();
        if framework == Framework::Streamlit && base.is_none() {
            // Streamlit adds the folder of the page to the path of modules, and reads its settings where it runs.
            place.directory.clone_from(&self.root);
        }
        let hint = hint.map(|(hint, _)| hint);
        let command = hint.map(|hint| &hint.command);
        // A developer does not serve it as a container does.
        let is_container = hint.is_some_and(|hint| hint.rank == 2);
        let row = framework.row();
        let because = Origin::line(file, app.line, format!("a {} application", row.title()));
        let (kind, otherwise) = if row.page {
            (Kind::Frontend, "app")
        } else {
            (Kind::Backend, "backend")
        };
        let name = self.name(&name_folder, otherwise);
        let mut found = self.found(name, kind, &place.directory, &because);
        let made = maker
            .clone()
            .unwrap_or_else(|| (file.clone(), app.object.clone()));
        let mut app = app.clone();
        // A command may name an object whose definition is not recognised here.
        let named = command.filter(|command| command.program != "flask" && row.asgi);
        if let Some((_, object)) =
            named.and_then(|command| command.target.as_deref()?.split_once(':'))
        {
            let object = object.trim_end_matches("()");
            app.factory = app.factory && object == app.object;
            object.clone_into(&mut app.object);
        }
        let app = &app;
        let words = match framework {
            _ if row.asgi => self.asgi(app, &place, file, command.filter(|_| !is_container)),
            Framework::Flask => self.flask(app, &place, command),
            Framework::Streamlit => {
                let mut words = self.tool(&place.directory, "streamlit");
                words.extend(["run".to_owned(), from(&place.directory, file)]);
                // Without `headless`, it asks for a mail address at its first start and opens a browser.
                words.extend(
                    ["--server.port", "{port}", "--server.headless", "true"].map(str::to_owned),
                );
                words
            }
            _ => self.script(&place, file),
        };
        let reason = hint.map_or_else(|| self.command_because(&because), Hint::because);
        found.service.command = Some(reason.says(CommandLine::Words(words)));
        let is_told = row.asgi || matches!(framework, Framework::Flask | Framework::Streamlit);
        let variable = match &app.port {
            _ if is_told => None,
            Some(port) => port.variable.clone(),
            None => row.variable.clone(),
        };
        let port = self.port(app, hint, &place);
        let port = Port {
            variable,
            ..Port::new(port.value, port.because)
        };
        found.reads_port = port.settle(&mut found.service);
        let service = &mut found.service;
        place.set_path(service, row.asgi || framework == Framework::Streamlit);
        self.readiness(app, &made, service);
        let modules = match framework {
            _ if row.asgi => vec![framework.package(), "uvicorn"],
            Framework::Grpc => vec!["grpc"],
            _ => vec![framework.package()],
        };
        self.modules(service, &place.directory, &modules);
        self.env_file(service, &place.directory, framework);
        found
    }

    fn asgi(
        &self,
        app: &App,
        place: &Place,
        file: &str,
        command: Option<&ServerCommand>,
    ) -> Vec<String> {
        let target = format!("{}:{}", place.module, app.object);
        let called = if app.factory {
            format!("{target}()")
        } else {
            target.clone()
        };
        let reload = app.reload || command.is_some_and(|command| command.reload);
        let hinted = command.map_or("", |command| command.program);
        let has = |name: &&str| self.packages.contains_key(*name);
        let program = match hinted {
            "hypercorn" | "granian" | "daphne" | "fastapi" => hinted,
            _ => ["uvicorn", "hypercorn", "granian"]
                .into_iter()
                .find(has)
                .unwrap_or("uvicorn"),
        };
        let file = from(&place.directory, file);
        let arguments: &[&str] = match program {
            "hypercorn" => &[&called, "--bind", "127.0.0.1:{port}"],
            "granian" => &["--interface", "asgi", "--port", "{port}", &target],
            "daphne" => &["-p", "{port}", &target],
            "fastapi" => &[
                if reload { "dev" } else { "run" },
                &file,
                "--port",
                "{port}",
            ],
            _ => &[&target, "--port", "{port}"],
        };
        let mut words = self.tool(&place.directory, program);
        words.extend(arguments.iter().map(|word| (*word).to_owned()));
        if program == "uvicorn" {
            words.extend(app.factory.then(|| "--factory".to_owned()));
            if !place.path.is_empty() {
                words.extend(["--app-dir".to_owned(), place.path.clone()]);
            }
        }
        // Only where the project does it: the process that watches the files outlives the server, so that a crash looks
        // like a server that hangs.
        if reload && matches!(program, "uvicorn" | "hypercorn" | "granian") {
            words.push("--reload".to_owned());
        }
        words
    }

    fn flask(&self, app: &App, place: &Place, command: Option<&ServerCommand>) -> Vec<String> {
        let set = variables::set_in(
            self.listing,
            &[&place.directory, &self.root, ""],
            "FLASK_APP",
        );
        let set =
            set.filter(|set| !set.value.is_empty() && !set.value.contains(char::is_whitespace));
        // Flask finds the usual names by itself.
        let usual = if app.factory {
            ["create_app", "make_app"]
        } else {
            ["app", "application"]
        };
        let target = match set {
            Some(set) => set.value,
            None if usual.contains(&app.object.as_str()) => place.module.clone(),
            None => format!("{}:{}", place.module, app.object),
        };
        let mut words = self.tool(&place.directory, "flask");
        words.extend(["--app", &target, "run", "--port", "{port}"].map(str::to_owned));
        if app.reload || command.is_some_and(|command| command.reload) {
            words.push("--debug".to_owned());
        }
        words
    }

    /// Returns the words that run a file that serves by itself; as a module where it has relative imports.
    fn script(&self, place: &Place, file: &str) -> Vec<String> {
        let mut words = self.tool(&place.directory, "python");
        let code = self.codes.get(file).map_or("", String::as_str);
        let is_relative = code.lines().any(|line| line.starts_with("from ."));
        if is_relative || folder(file) != join(&place.directory, &place.path).trim_end_matches('/')
        {
            words.extend(["-m".to_owned(), place.module.clone()]);
        } else {
            words.push(from(&place.directory, file));
        }
        words
    }

    fn port(&self, app: &App, hint: Option<&Hint>, place: &Place) -> Sourced<u16> {
        let row = app.framework.row();
        let usual = row.port.unwrap_or(8000);
        // A command without a port means the usual one, unless it starts a script that sets its own.
        let of_hint = |hint: &Hint| {
            let set = hint.command.port.filter(|port| *port >= LOWEST_PORT);
            let is_open = hint.command.program == "python" || hint.command.port_variable.is_some();
            let port = set.or_else(|| (!is_open && hint.rank != 2).then_some(usual))?;
            Some(hint.because().says(port))
        };
        let in_setting = || {
            let port = row.port(self.listing, &place.directory)?;
            port.because.file.as_ref()?;
            Some(port.because.says(port.number?))
        };
        let strong = hint.filter(|hint| hint.rank == 0).and_then(of_hint);
        strong
            .or_else(|| self.source_port(app, place))
            .or_else(in_setting)
            .or_else(|| hint.and_then(of_hint))
            .unwrap_or_else(|| Origin::known(format!("{}'s usual port", row.title())).says(usual))
    }

    fn source_port(&self, app: &App, place: &Place) -> Option<Sourced<u16>> {
        let in_settings = || self.port_in_settings(app.port_name.as_deref()?);
        let port = app.port.clone().or_else(in_settings)?;
        let port = port.in_force(self.listing, &[&place.directory, &self.root, ""]);
        Some(port.because.says(port.number?))
    }

    /// Returns the port under a name to which a file of the project gives a value: `settings.PORT`.
    fn port_in_settings(&self, name: &str) -> Option<Port> {
        self.codes.iter().find_map(|(file, code)| {
            let (value, line) = assigned(code, name)?;
            let because = Origin::line(file, line, "sets the port");
            let mut port = Port::new(port_in(value)?, because);
            // A field of pydantic's settings is filled from the variable with its name.
            port.variable = Some(name.to_ascii_uppercase());
            Some(port)
        })
    }

    fn readiness(&self, app: &App, made: &(String, String), service: &mut DraftService) {
        let (file, object) = made;
        if app.framework == Framework::Streamlit {
            service.ready =
                Some(Origin::known("Streamlit's health page").says(ready("/_stcore/health")));
            return;
        }
        let page = || health(&self.codes, file, object);
        service.ready = app.framework.is_web().then(page).flatten();
        if service.ready.is_none() && app.documented && self.is_open(file) {
            let because = Origin::known("FastAPI's own page, since no health page was found");
            service.ready = Some(because.says(ready("/docs")));
        }
        if app.documented {
            let page = Origin::default().says("/docs".to_owned());
            service.links.push(("docs".to_owned(), page));
        }
    }

    /// Whether no middleware of an application can ask for a login before its pages.
    fn is_open(&self, file: &str) -> bool {
        const HARMLESS: &str = "CORSMiddleware GZipMiddleware SessionMiddleware BrotliMiddleware CorrelationIdMiddleware";
        self.codes.get(file).is_some_and(|code| {
            let mut added = code.split("add_middleware(").skip(1).map(str::trim_start);
            !code.contains(".middleware(")
                && added.all(|rest| HARMLESS.split(' ').any(|name| rest.starts_with(name)))
        })
    }

    /// Checks the modules before the start, where the project has no environment of its own. With one, the check at
    /// each start would only cost time.
    fn modules(&self, service: &mut DraftService, directory: &str, modules: &[&str]) {
        if self.environment.manager == PythonManager::System {
            let mut words = self.tool(directory, "python");
            words.extend(["-c".to_owned(), format!("import {}", modules.join(", "))]);
            let because = Origin::known("no environment of the project was found");
            service.require.commands.push(because.says(words));
        }
    }

    /// Adds the `.env` of the project, unless the program reads it by itself.
    pub(super) fn env_file(
        &self,
        service: &mut DraftService,
        directory: &str,
        framework: Framework,
    ) {
        let has = |package: &str| self.packages.contains_key(package);
        let by_package = has("python-decouple") || has("dynaconf");
        // Flask's command reads it; a Celery worker of the same project does not.
        let by_command = self.environment.manager == PythonManager::Tool("pipenv run".to_owned())
            || (framework == Framework::Flask && has("python-dotenv"));
        let by_source = || {
            let marks = ["dotenv", "env_file", "read_env("];
            self.codes
                .values()
                .any(|code| marks.iter().any(|mark| code.contains(mark)))
        };
        if !by_package && !by_command && !by_source() {
            let file = variables::file_for(self.listing, &[directory, &self.root]);
            service.env_file.extend(file);
        }
    }

    /// Returns the reason for a command that no file of the project has: what manages its packages.
    pub(super) fn command_because(&self, otherwise: &Origin) -> Origin {
        match (&self.environment.manager, &self.environment.because) {
            (PythonManager::Venv(_), Some(path)) => {
                Origin::known(format!("in the environment {path}"))
            }
            (_, Some(path)) => Origin::file(path, "manages the Python environment"),
            _ => otherwise.clone(),
        }
    }
}

impl Hint {
    pub(super) fn because(&self) -> Origin {
        Origin::line(&self.file, self.command.line, "has the command")
    }
}
