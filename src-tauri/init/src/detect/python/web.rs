//! The services that answer on a port: what serves the application, where, and what says so.

use super::{
    Placed,
    app::App,
    framework::Framework,
    place::{Hint, Place, hint_for, place},
    project::Project,
    routes::{django_health, health},
    run::{PythonManager, from},
    server::{Program, ServerCommand},
    serving::{SourcePort, assigned},
};
use crate::{
    detect::{Found, folder, join, route::page, source::port_in, variables},
    draft::{CommandLine, DraftService, Kind, Origin, Sourced, plain},
};

/// Ports below are not for a person's own processes: what a container says there is not meant here.
const LOWEST_PORT: u16 = 1024;

impl Project<'_> {
    /// `manage.py runserver`
    pub(super) fn django(&self) -> Option<Found> {
        let manage = join(&self.root, "manage.py");
        let text = self
            .listing
            .text(&manage)
            .filter(|text| text.contains("django"))?;
        let line = crate::detect::line_with(text, "execute_from_command_line").or(Some(1));
        let because = Origin::line(&manage, line, "a Django project");
        let hint = self.hints.iter().find(|hint| {
            hint.command.program == Program::Django && hint.base_of(&manage).is_some()
        });
        let mut words = self.tool(&self.root, "python");
        words.extend(["manage.py", "runserver", "{port}"].map(str::to_owned));
        let mut service =
            DraftService::new(self.name(&self.root, "app"), Kind::Backend, because.clone());
        service.command = Some(
            self.command_because(&because)
                .says(CommandLine::Words(words)),
        );
        service.directory = Self::directory(&self.root, &because);
        let said = hint.and_then(|hint| Some((hint, hint.command.port?)));
        service.port = Some(match said {
            Some((hint, port)) if port >= LOWEST_PORT => hint.because().says(port),
            _ => Origin::known("Django's usual port").says(8000),
        });
        if let Some(health) = django_health(&self.codes) {
            let because = Origin::line(health.file, health.line, "its health page");
            service.ready = Some(because.says(page(&health.path)));
        }
        if self
            .codes
            .values()
            .any(|code| code.contains("admin.site.urls"))
        {
            service.links.push((
                "admin".to_owned(),
                Origin::default().says("/admin/".to_owned()),
            ));
        }
        self.modules(&mut service, &self.root, &["django"]);
        Some(self.found(service, "django"))
    }

    /// The service of an application.
    pub(super) fn service(&self, placed: &Placed) -> Found {
        let Placed { file, app, maker } = placed;
        let hint = hint_for(self.hints, file);
        let base = hint.as_ref().map(|(_, base)| base.as_str());
        let mut place = place(
            self.listing,
            &self.codes,
            file,
            &self.root,
            base,
            app.framework.is_asgi() || app.framework == Framework::Flask,
        );
        let name_folder = place.directory.clone();
        if app.framework == Framework::Streamlit && base.is_none() {
            // It adds the folder of the page to the path of modules by itself, and reads its settings
            // where it runs.
            place.directory.clone_from(&self.root);
        }
        let hint = hint.map(|(hint, _)| hint);
        let command = hint.map(|hint| &hint.command);
        // How a container serves it is not how a developer does.
        let is_container = hint.is_some_and(|hint| hint.rank == 2);
        let title = app.framework.title();
        let because = Origin::line(file, app.line, format!("a {title} application"));
        let kind = if app.framework.is_page() {
            Kind::Frontend
        } else {
            Kind::Backend
        };
        let otherwise = if app.framework.is_page() {
            "app"
        } else {
            "backend"
        };
        let name = self.name(&name_folder, otherwise);
        let mut service = DraftService::new(name, kind, because.clone());
        let made = maker
            .clone()
            .unwrap_or_else(|| (file.clone(), app.object.clone()));
        let mut app = app.clone();
        // A command may name an object that is made in a way that is not seen here.
        if let Some((_, object)) =
            command.and_then(|command| command.target.as_deref()?.split_once(':'))
            && app.framework.is_asgi()
            && command.is_some_and(|command| command.program != Program::Flask)
        {
            let object = object.trim_end_matches("()");
            app.factory = app.factory && object == app.object;
            object.clone_into(&mut app.object);
        }
        let app = &app;
        let words = match app.framework {
            framework if framework.is_asgi() => {
                self.asgi(app, &place, file, command.filter(|_| !is_container))
            }
            Framework::Flask => self.flask(app, &place, command),
            Framework::Streamlit => {
                let mut words = self.tool(&place.directory, "streamlit");
                words.extend(["run".to_owned(), from(&place.directory, file)]);
                // Else it asks for a mail address on its first start, and opens a browser.
                words.extend(
                    ["--server.port", "{port}", "--server.headless", "true"].map(str::to_owned),
                );
                words
            }
            _ => self.script(&place, file),
        };
        let reason = match hint {
            Some(hint) => hint.because(),
            None => self.command_because(&because),
        };
        service.command = Some(reason.says(CommandLine::Words(words)));
        service.directory = Self::directory(&place.directory, &because);
        let port = self.port(app, file, hint, &place);
        let reads_port = Self::give_port(app, &mut service, &port);
        service.port = Some(port);
        if !place.path.is_empty()
            && !app.framework.is_asgi()
            && app.framework != Framework::Streamlit
        {
            let because = Origin::known("where the modules are");
            service
                .env
                .push(("PYTHONPATH".to_owned(), because.says(plain(&place.path))));
        }
        self.readiness(app, &made, &mut service);
        let modules = match app.framework {
            framework if framework.is_asgi() => vec![framework.package(), "uvicorn"],
            Framework::Grpc => vec!["grpc"],
            framework => vec![framework.package()],
        };
        self.modules(&mut service, &place.directory, &modules);
        self.env_file(&mut service, &place.directory, app.framework);
        Found {
            reads_port,
            ..self.found(service, app.framework.package())
        }
    }

    fn asgi(
        &self,
        app: &App,
        place: &Place,
        file: &str,
        command: Option<&ServerCommand>,
    ) -> Vec<String> {
        let target = format!("{}:{}", place.module, app.object);
        let hinted = command.map(|command| command.program);
        let reload = app.reload || command.is_some_and(|command| command.reload);
        let program = match hinted {
            Some(Program::Hypercorn | Program::Granian | Program::Daphne | Program::Fastapi) => {
                hinted
            }
            _ if self.packages.contains_key("uvicorn") => None,
            _ if self.packages.contains_key("hypercorn") => Some(Program::Hypercorn),
            _ if self.packages.contains_key("granian") => Some(Program::Granian),
            _ => None,
        };
        let called = if app.factory {
            format!("{target}()")
        } else {
            target.clone()
        };
        let arguments: Vec<String> = match program {
            Some(Program::Hypercorn) => vec![called, "--bind".into(), "127.0.0.1:{port}".into()],
            Some(Program::Granian) => {
                vec![
                    "--interface".into(),
                    "asgi".into(),
                    "--port".into(),
                    "{port}".into(),
                    target,
                ]
            }
            Some(Program::Daphne) => vec!["-p".into(), "{port}".into(), target],
            Some(Program::Fastapi) => {
                let verb = if reload { "dev" } else { "run" };
                let file = from(&place.directory, file);
                vec![verb.into(), file, "--port".into(), "{port}".into()]
            }
            _ => vec![target, "--port".into(), "{port}".into()],
        };
        let name = match program {
            Some(Program::Hypercorn) => "hypercorn",
            Some(Program::Granian) => "granian",
            Some(Program::Daphne) => "daphne",
            Some(Program::Fastapi) => "fastapi",
            _ => "uvicorn",
        };
        let mut words = self.tool(&place.directory, name);
        words.extend(arguments);
        if name == "uvicorn" {
            if app.factory {
                words.push("--factory".to_owned());
            }
            if !place.path.is_empty() {
                words.extend(["--app-dir".to_owned(), place.path.clone()]);
            }
        }
        // Only where the project does it itself: the process that waits for changes outlives the one
        // that serves, so a crash looks like a server that hangs.
        if reload && matches!(name, "uvicorn" | "hypercorn" | "granian") {
            words.push("--reload".to_owned());
        }
        words
    }

    fn flask(&self, app: &App, place: &Place, command: Option<&ServerCommand>) -> Vec<String> {
        // What the project itself tells Flask.
        if let Some((told, _)) = self.variable(&place.directory, "FLASK_APP")
            && !told.is_empty()
            && !told.contains(char::is_whitespace)
        {
            let mut words = self.tool(&place.directory, "flask");
            words.extend(["--app", &told, "run", "--port", "{port}"].map(str::to_owned));
            return words;
        }
        // What Flask looks for by itself needs not be said.
        let usual = if app.factory {
            matches!(app.object.as_str(), "create_app" | "make_app")
        } else {
            matches!(app.object.as_str(), "app" | "application")
        };
        let target = if usual {
            place.module.clone()
        } else {
            format!("{}:{}", place.module, app.object)
        };
        let mut words = self.tool(&place.directory, "flask");
        words.extend(["--app".to_owned(), target, "run".to_owned()]);
        words.extend(["--port", "{port}"].map(str::to_owned));
        if app.reload || command.is_some_and(|command| command.reload) {
            words.push("--debug".to_owned());
        }
        words
    }

    /// A file that serves by itself; as a module where it has relative imports.
    fn script(&self, place: &Place, file: &str) -> Vec<String> {
        let mut words = self.tool(&place.directory, "python");
        let relative = self
            .codes
            .get(file)
            .is_some_and(|code| code.lines().any(|line| line.starts_with("from .")));
        if relative || folder(file) != join(&place.directory, &place.path).trim_end_matches('/') {
            words.extend(["-m".to_owned(), place.module.clone()]);
        } else {
            words.push(from(&place.directory, file));
        }
        words
    }

    fn port(&self, app: &App, file: &str, hint: Option<&Hint>, place: &Place) -> Sourced<u16> {
        let usual = app.framework.usual_port();
        let title = app.framework.title();
        // A command without a port means the usual one, unless it starts a script that says its own.
        let of_hint = |hint: &Hint| {
            let script = hint.command.program == Program::Python;
            let said = hint.command.port.filter(|port| *port >= LOWEST_PORT);
            let open = script || hint.command.port_variable.is_some();
            said.or_else(|| (!open && hint.rank != 2).then_some(usual))
                .map(|port| hint.because().says(port))
        };
        let strong = hint.filter(|hint| hint.rank == 0).and_then(of_hint);
        strong
            .or_else(|| self.source_port(app, file, place))
            .or_else(|| self.setting_port(app, place))
            .or_else(|| hint.and_then(of_hint))
            .unwrap_or_else(|| Origin::known(format!("{title}'s usual port")).says(usual))
    }

    fn source_port(&self, app: &App, file: &str, place: &Place) -> Option<Sourced<u16>> {
        let port = match (&app.port, &app.port_name) {
            (Some(port), _) => Some((file.to_owned(), port.clone())),
            (None, Some(name)) => self.port_in_settings(name),
            (None, None) => None,
        };
        let (file, port) = port?;
        let set = port
            .variable
            .as_deref()
            .and_then(|name| self.variable(&place.directory, name));
        if let Some((value, because)) = set
            && let Ok(number) = value.parse::<u16>()
            && number != 0
        {
            return Some(because.says(number));
        }
        Some(Origin::line(file, port.line, "the port is set there").says(port.number))
    }

    /// The port under a name that a file of the project gives a value: `settings.PORT`.
    fn port_in_settings(&self, name: &str) -> Option<(String, SourcePort)> {
        self.codes.iter().find_map(|(file, code)| {
            let (value, line) = assigned(code, name)?;
            let port = SourcePort {
                number: port_in(value)?,
                // A field of pydantic's settings is filled from the variable of its name.
                variable: Some(name.to_ascii_uppercase()),
                line,
            };
            Some((file.clone(), port))
        })
    }

    /// `FLASK_RUN_PORT`, `.streamlit/config.toml`.
    fn setting_port(&self, app: &App, place: &Place) -> Option<Sourced<u16>> {
        match app.framework {
            Framework::Flask => {
                let (value, because) = self.variable(&place.directory, "FLASK_RUN_PORT")?;
                Some(because.says(value.parse().ok().filter(|port| *port != 0)?))
            }
            Framework::Streamlit => {
                let path = join(&place.directory, ".streamlit/config.toml");
                let text = self.listing.text(&path)?;
                let table: toml::Table = toml::from_str(text).ok()?;
                let port = table.get("server")?.get("port")?.as_integer()?;
                let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
                let line = crate::detect::line_with(text, "port");
                Some(Origin::line(path, line, "the port is set there").says(port))
            }
            _ => None,
        }
    }

    /// Hands the port to a script that is told no port by its command. True if it reads `$PORT`.
    fn give_port(app: &App, service: &mut DraftService, port: &Sourced<u16>) -> bool {
        let told = app.framework.is_asgi()
            || matches!(app.framework, Framework::Flask | Framework::Streamlit);
        let variable = match app.framework {
            _ if told => None,
            Framework::Gradio if app.port.is_none() => Some("GRADIO_SERVER_PORT"),
            Framework::Dash if app.port.is_none() => Some("PORT"),
            _ => app.port.as_ref().and_then(|port| port.variable.as_deref()),
        };
        match variable {
            Some("PORT") => return true,
            Some(variable) => {
                let because = port.because.clone();
                service
                    .env
                    .push((variable.to_owned(), because.says("{port}".to_owned())));
            }
            None => {}
        }
        false
    }

    fn readiness(&self, app: &App, made: &(String, String), service: &mut DraftService) {
        let (file, object) = made;
        if app.framework == Framework::Streamlit {
            let because = Origin::known("Streamlit's own page for this");
            service.ready = Some(because.says(page("/_stcore/health")));
            return;
        }
        if app.framework.is_web()
            && let Some(health) = health(&self.codes, file, object)
        {
            let because = Origin::line(health.file, health.line, "its health page");
            service.ready = Some(because.says(page(&health.path)));
        } else if app.documented && self.is_open(file) {
            let because = Origin::known("FastAPI's own page, since no health page was found");
            service.ready = Some(because.says(page("/docs")));
        }
        if app.documented {
            service.links.push((
                "docs".to_owned(),
                Origin::default().says("/docs".to_owned()),
            ));
        }
    }

    /// Whether nothing stands before the pages of an application that could ask who is there.
    fn is_open(&self, file: &str) -> bool {
        const HARMLESS: [&str; 5] = [
            "CORSMiddleware",
            "GZipMiddleware",
            "SessionMiddleware",
            "BrotliMiddleware",
            "CorrelationIdMiddleware",
        ];
        self.codes.get(file).is_some_and(|code| {
            !code.contains(".middleware(")
                && code.split("add_middleware(").skip(1).all(|rest| {
                    let rest = rest.trim_start();
                    HARMLESS.iter().any(|name| rest.starts_with(name))
                })
        })
    }

    /// Without an environment of its own, the modules may well be missing: that is said before the
    /// start. Where there is one, asking at each start would only cost time.
    fn modules(&self, service: &mut DraftService, directory: &str, modules: &[&str]) {
        if self.environment.keeper != PythonManager::System {
            return;
        }
        let mut words = self.tool(directory, "python");
        words.extend(["-c".to_owned(), format!("import {}", modules.join(", "))]);
        let because = Origin::known("no environment of the project was found");
        service.require.commands.push(because.says(words));
    }

    /// The `.env` of the project, unless it is read without that.
    pub(super) fn env_file(
        &self,
        service: &mut DraftService,
        directory: &str,
        framework: Framework,
    ) {
        // They look for it by themselves.
        let by_package = ["python-decouple", "dynaconf"]
            .iter()
            .any(|package| self.packages.contains_key(*package));
        // Of Flask, its command does; a Celery of the same project has no such luck.
        let by_command = self.environment.keeper == PythonManager::Pipenv
            || (framework == Framework::Flask && self.packages.contains_key("python-dotenv"));
        let by_source = || {
            let marks = ["dotenv", "env_file", "read_env("];
            self.codes
                .values()
                .any(|code| marks.iter().any(|mark| code.contains(mark)))
        };
        if !by_package && !by_command && !by_source() {
            service
                .env_file
                .extend(variables::file_for(self.listing, &[directory, &self.root]));
        }
    }

    /// The reason for a command that no file of the project writes down: what keeps its packages.
    pub(super) fn command_because(&self, otherwise: &Origin) -> Origin {
        match (&self.environment.keeper, &self.environment.because) {
            (PythonManager::Venv(_), Some(path)) => {
                Origin::known(format!("the environment {path} is there"))
            }
            (_, Some(path)) => Origin::file(path, "says how Python is run"),
            _ => otherwise.clone(),
        }
    }
}

impl Hint {
    pub(super) fn because(&self) -> Origin {
        let text = if self.rank == 2 {
            "what it runs is written there"
        } else {
            "the command is written there"
        };
        Origin::line(&self.file, self.command.line, text)
    }
}
