//! A service of a tool's file, and the parts of its command.

use super::Reader;
use crate::{
    detect::{package_manager, port_of},
    draft::{CommandLine, DraftService, Kind, Origin, Probe, Ready, Sourced, unescaped},
    import::{command, own_address, text::in_folder},
};

/// A service, and the parts of its command, which are in the notation of a stack file.
#[derive(Clone, Default)]
pub(super) struct Parts {
    pub(super) service: DraftService,
    /// In the notation of a shell.
    pub(super) line: Option<String>,
    pub(super) interpreter: Option<String>,
    pub(super) options: Vec<String>,
    pub(super) program: Option<String>,
    pub(super) args: Vec<String>,
    /// The source of the command.
    pub(super) because: Option<Origin>,
    pub(super) probed_port: Option<Sourced<u16>>,
    pub(super) is_disabled: bool,
    /// Whether a part of the command is unknown.
    pub(super) is_unknown: bool,
}

impl Parts {
    pub(super) fn new(name: &str, kind: Kind) -> Self {
        Self {
            service: DraftService::new(name, kind, Origin::default()),
            ..Self::default()
        }
    }
}

impl Reader<'_> {
    /// Builds the command from its parts. Returns whether all of it is known.
    pub(super) fn command(&self, parts: &mut Parts, kind: &str) -> bool {
        let service = &mut parts.service;
        let folder = service.folder().to_owned();
        let because = parts
            .because
            .take()
            .unwrap_or_else(|| service.because.clone());
        let is_given = parts.interpreter.is_some();
        let extension = parts.program.as_deref().and_then(|program| {
            let name = program.rsplit('/').next()?;
            name.rsplit_once('.').map(|(_, extension)| extension)
        });
        let usual = self
            .schema
            .interpreters
            .get(extension.filter(|_| kind.is_empty()).unwrap_or(kind));
        let interpreter = parts
            .interpreter
            .take()
            .or(usual.cloned())
            .filter(|it| it != "none");
        let is_alone = interpreter.is_none() && parts.options.is_empty() && parts.args.is_empty();
        if is_alone && kind != "process" && parts.line.is_none() {
            parts.line = parts.program.take().map(|program| unescaped(&program));
        }
        if let (None, Some(line)) = (&parts.program, parts.line.take()) {
            let line = match line.strip_prefix("npm run ") {
                Some(script) if kind == "npm" => {
                    format!("{} run {script}", package_manager(self.listing, &folder))
                }
                _ => in_folder(&line, &folder),
            };
            let folder = (!folder.is_empty()).then_some(folder.as_str());
            let is_empty = line.trim().is_empty();
            command::line(&line, folder).apply(service, &because);
            return !parts.is_unknown && !is_empty;
        }
        let is_program = parts.program.is_some() || parts.options.iter().any(|it| it == "-m");
        let mut words: Vec<String> = Vec::new();
        if let Some(interpreter) = interpreter {
            // `go run`, or a path with blanks from the file.
            let parts = interpreter.split(if is_given { '\0' } else { ' ' });
            words.extend(parts.map(str::to_owned));
        }
        words.append(&mut parts.options);
        match parts.program.take() {
            Some(line) if words.is_empty() && kind != "process" => {
                words.extend(shell_words::split(&line).unwrap_or_else(|_| vec![line]));
            }
            program => words.extend(program),
        }
        words.append(&mut parts.args);
        let words = words.iter().map(|word| in_folder(word, &folder));
        let words: Vec<String> = words.collect();
        let is_whole = (is_program || is_given) && !parts.is_unknown;
        // Words with variables are not searched for a port.
        let (command, port) = if words.iter().any(|word| word.contains("${")) {
            (CommandLine::Words(words), None)
        } else {
            let words: Vec<String> = words.iter().map(|word| unescaped(word)).collect();
            command::words(&words)
        };
        service.port = port.map(|port| because.says(port)).or(service.port.take());
        service.command = Some(because.says(command));
        is_whole
    }

    /// Completes the service: its port, `.env`, probes and kind.
    pub(super) fn completed(&self, parts: Parts) -> DraftService {
        let Parts {
            mut service,
            probed_port,
            ..
        } = parts;
        let folder = service.folder().to_owned();
        if let Some(at) = service.env.iter().position(|(name, _)| name == "PORT")
            && let Some(port) = number(&service.env[at].1.value)
        {
            // Every service gets its port in `PORT`.
            let (_, said) = service.env.remove(at);
            service.port.get_or_insert(said.because.says(port));
        }
        service.port = service.port.or(probed_port);
        for (_, said) in &mut service.env {
            said.value = in_folder(&said.value, &folder);
        }
        let file = ".env";
        if self.schema.reads_env_file && self.listing.has(file) {
            let because = Origin::file(file, format!("{} reads it", self.source.tool.name()));
            service.env_file.push(because.says(format!("{file}?")));
        }
        let port = service.port.as_ref().map(|said| said.value);
        // A service with a port is probed there by default.
        let says_more =
            |ready: &Sourced<Ready>| !matches!(ready.value.probes[..], [] | [Probe::Tcp(_)]);
        service.ready = service.ready.filter(says_more);
        for probe in service
            .ready
            .iter_mut()
            .flat_map(|ready| &mut ready.value.probes)
        {
            if let Probe::Http(http) = probe {
                http.url = own_address(&http.url, port);
            }
        }
        if port.is_some() && service.kind == Kind::Worker {
            service.kind = Kind::Backend;
        }
        service
    }
}

/// Parses a port, or the default of a variable.
fn number(text: &str) -> Option<u16> {
    let text = text.strip_suffix('}').map_or(text, |text| {
        text.rsplit_once(":-").map_or(text, |(_, default)| default)
    });
    port_of(text)
}
