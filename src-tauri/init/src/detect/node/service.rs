//! The service of a package script: its command and its port.

use super::{
    Project,
    ask::ask_manager,
    package::{Package, manager},
    port,
    script::Script,
    source, tool,
};
use crate::{
    detect::{
        Found,
        frameworks::{Manager, Tool},
        is_in,
        listing::{file_name, join},
        variables::{self, Variable},
    },
    draft::{DraftService, Kind, Origin, plain},
    import::base_name,
};
use pilotlight::fs::redact::redact;

impl Project<'_> {
    /// Returns the service of a script. None if the script does not serve.
    pub(super) fn service(
        &self,
        package: &Package<'_>,
        name: &str,
        script: &Script,
        part: Option<&str>,
    ) -> Option<Found> {
        let tool = tool::of(&script.words);
        let server = source::framework(package);
        let runs_source = tool::runs_source(&script.words);
        let is_command_line = package.string("bin").is_some() && server.is_none();
        if tool.is_none() && runs_source && is_command_line {
            return None;
        }
        let (manager, _, other) = manager(self.listing, &self.packages, package.folder);
        let runs = shown(&script.words, tool);
        let because = package.script_says(name, format!("`{name}` runs {runs}"));
        let mut found = Found::new("", Kind::Backend, package.folder, because);
        found.framework = tool.map(|tool| tool.framework.as_str()).or(server);
        let arguments = tool.map(|tool| arguments(tool, script)).unwrap_or_default();
        found.runs_words(manager.run(name, &arguments));
        self.port(package, name, script, tool, &mut found);
        let has_port = found.service.port.is_some();
        let service = &mut found.service;
        service.kind = match tool {
            Some(tool) => tool.kind,
            None if !has_port && server.is_none() => Kind::Worker,
            None => Kind::Backend,
        };
        service.name = wished_name(package, service.kind, part);
        if service.kind != Kind::Frontend {
            self.env_file(package, script, manager, service);
        }
        if let Some((other, why)) = other {
            let choice = other.run(name, &arguments);
            let asked = ask_manager(&found.service, manager, (other, &why), choice);
            found.asks.push(asked);
        }
        Some(found)
    }

    /// Sets the port, and whether another can be given.
    fn port(
        &self,
        package: &Package<'_>,
        name: &str,
        script: &Script,
        tool: Option<&Tool>,
        found: &mut Found,
    ) {
        let variables = variables::of_folder(self.listing, package.folder);
        let options = tool.map_or("--port -p", Tool::options);
        let set = || {
            let mut set = script.variables.iter().rev();
            let (_, value) = set.find(|(name, _)| name == "PORT")?;
            value.parse().ok()
        };
        if let Some(port) = tool::port_in(&script.words, options).or_else(set) {
            found.service.port = Some(package.script_says(name, "").says(port));
            return;
        }
        let names_port = tool::names_port(&script.words, options);
        found.reads_port = tool.is_some_and(|tool| tool.reads_port) || names_port;
        let usual_of = |tool: &Tool| {
            let because = Origin::known(format!("the usual port of {}", tool.framework));
            because.says(tool.port)
        };
        let in_env = |name: &str| variables.get(name).and_then(Variable::port);
        if let Some(tool) = tool.filter(|tool| tool.kind == Kind::Frontend) {
            let in_env = in_env("PORT").filter(|_| tool.reads_env || names_port);
            let in_settings = || port::in_settings(self.listing, package.folder, &tool.framework);
            let port = in_env
                .or_else(in_settings)
                .unwrap_or_else(|| usual_of(tool));
            found.service.port = Some(port);
            return;
        }
        let entries = source::entries(package, script);
        let Some(source) = port::in_sources(self.sources.of(package.folder, &entries)) else {
            let in_env = in_env("PORT").filter(|_| tool.is_some_and(|tool| tool.reads_port));
            found.service.port = tool.map(|tool| in_env.unwrap_or_else(|| usual_of(tool)));
            return;
        };
        let variable = source.variable.as_deref();
        // Without a number, a usual one: the program listens on `$PORT`.
        let because = Origin::known("no port is set; `$PORT` has this one");
        let usual = (variable == Some("PORT")).then(|| because.says(3000));
        let number = source.number.map(|number| source.because.says(number));
        found.reads_port |= variable == Some("PORT");
        found.service.port = variable.and_then(in_env).or(number).or(usual);
        if let Some(name) = variable.filter(|name| *name != "PORT")
            && let Some(port) = &found.service.port
        {
            let value = port.because.says("{port}".to_owned());
            found.service.env.push((name.to_owned(), value));
        }
    }

    /// Adds the `.env` of the package, unless a library or a framework reads it: Node does not by itself.
    fn env_file(
        &self,
        package: &Package<'_>,
        script: &Script,
        manager: &Manager,
        service: &mut DraftService,
    ) {
        let file = join(package.folder, ".env");
        let mut words = script.words.iter();
        let by_bun =
            manager.name == "bun" || script.words.first().is_some_and(|word| word == "bun");
        let is_loaded = by_bun
            || words.any(|word| word.starts_with("--env-file"))
            || package
                .dependencies
                .iter()
                .any(|name| is_in("env_loaders", name));
        if self.listing.has(&file) && !is_loaded {
            let because = Origin::file(&file, "nothing else loads it");
            service.env_file.push(because.says(plain(&file)));
        }
    }

    /// Returns the service of a command that a script runs beside others.
    pub(super) fn direct(
        &self,
        package: &Package<'_>,
        starter: &str,
        script: &Script,
    ) -> Option<Found> {
        let first = base_name(script.words.first()?).to_owned();
        let mut found = self.service(package, starter, script, Some(&first))?;
        let (manager, _, _) = manager(self.listing, &self.packages, package.folder);
        let mut words = if is_in("installed_programs", &first) {
            vec![first.clone()]
        } else {
            manager.exec(&first)
        };
        words.extend(script.words[1..].iter().map(|word| plain(word)));
        let tool = tool::of(&script.words);
        if let Some(tool) = tool
            && !tool::names_port(&script.words, tool.options())
        {
            words.extend(tool.arguments.split_whitespace().map(str::to_owned));
        }
        let because = package.script_says(starter, format!("`{starter}` runs {first}"));
        found.service.name = match found.service.kind {
            Kind::Frontend => "web".to_owned(),
            Kind::Backend => "server".to_owned(),
            _ => first,
        };
        for (name, value) in &script.variables {
            let value = because.says(plain(value));
            found.service.env.push((name.clone(), value));
        }
        found.service.because = because;
        found.runs_words(words);
        Some(found)
    }
}

/// Returns the words that give a tool its port, if they reach it.
fn arguments(tool: &Tool, script: &Script) -> Vec<String> {
    if !script.takes_arguments {
        return Vec::new();
    }
    let has_port = tool::names_port(&script.words, tool.options());
    let has = |word: &str| script.words.iter().any(|it| it == word);
    let words = tool.arguments.split_whitespace().filter(|word| {
        let gives_port = *word != "--strictPort";
        !(gives_port && has_port || has(word))
    });
    words.map(str::to_owned).collect()
}

/// Returns a name: that of the folder, or at the top the kind of service.
fn wished_name(package: &Package<'_>, kind: Kind, part: Option<&str>) -> String {
    if let Some(part) = part {
        return part.to_owned();
    }
    let own = file_name(package.folder);
    let says_nothing = ["", "src", "app", "packages", "apps"].contains(&own);
    match kind {
        _ if !says_nothing => own.to_owned(),
        _ if !package.folder.is_empty() => package.short_name().unwrap_or(own).to_owned(),
        Kind::Frontend => "web".to_owned(),
        Kind::Backend => "server".to_owned(),
        _ => package.short_name().unwrap_or("app").to_owned(),
    }
}

/// Returns the command in a few words.
fn shown(words: &[String], tool: Option<&Tool>) -> String {
    const WIDEST: usize = 40;
    if let Some(tool) = tool {
        return tool
            .title
            .clone()
            .unwrap_or_else(|| base_name(&words[0]).to_owned());
    }
    let line = redact(&words.join(" ")).into_owned();
    match line.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
