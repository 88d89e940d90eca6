//! `pilotlight url`, `open`, `env`, `exec` and `shell`: the addresses and the environment of a service.

use std::{
    collections::BTreeMap,
    env::{consts::OS, var_os},
    ffi::OsString,
    io::Write as _,
    process::Stdio,
    sync::Arc,
};

use pilotlight::{
    effects::{
        env::{CommandOutput, environment},
        log::ServiceLogs,
        process::{foreground, opener},
    },
    env::Env,
    fs::{project_file::TIME_LIMIT, redact::redact},
    model::{
        facts::{LaunchFault, RunId},
        stack::PortTable,
        view::{Light, StackView},
    },
    stack::{Ports, Service, ServiceName, Stack},
    state::slots::in_its_slot,
    supervisor::offline,
};

use crate::{
    args::{EnvCommand, Exec, ShellCommand, Url},
    context::{Context, expect_declared, read},
    failure::{Ending, Failure, tell},
    json,
    paint::{self, tame},
};

/// A stack with the ports that its services have now.
pub(super) struct Here {
    stack: Arc<Stack>,
    view: Arc<StackView>,
    pub(super) ports: PortTable,
}

impl Here {
    pub(super) async fn of(context: &Context) -> Result<Self, Failure> {
        let snapshot = context.snapshot().await?;
        let file = context.find_among(&snapshot)?;
        let stack = Arc::new(in_its_slot(&context.home, read(&file)?));
        let view = match snapshot.stack(&file) {
            Some(view) => view.clone(),
            None => offline::view(&context.home, stack.clone()),
        };
        let ports = PortTable::of_view(stack.clone(), Some(&view));
        Ok(Self { stack, view, ports })
    }

    pub(super) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Returns the light of a service.
    pub(super) fn light(&self, name: &ServiceName) -> Option<Light> {
        Some(self.view.service(name, 0)?.light)
    }

    /// Returns the run of a service and the PID of its first process. Fails if it is not running.
    pub(super) fn running(&self, name: &ServiceName) -> Result<(RunId, u32), Failure> {
        let service = self.view.service(name, 0);
        let running = service.and_then(|service| Some((service.run?, service.pid?)));
        running.ok_or_else(|| Failure::Refused(format!("{name} is not running")))
    }

    /// Returns the logs of a service.
    pub(super) fn logs(&self, context: &Context, name: &ServiceName) -> ServiceLogs {
        let id = context.home.stack_id(&self.stack.file);
        ServiceLogs::of(context.home.logs(), &id, name)
    }

    pub(super) fn service(&self, name: &ServiceName) -> Result<&Arc<Service>, Failure> {
        expect_declared(std::slice::from_ref(name), &self.stack)?;
        let found = self.stack.service(name);
        found.ok_or_else(|| Failure::Usage(format!("no service named `{name}`")))
    }

    /// Returns the variables with which the service would be started from here, and the addresses.
    pub(super) async fn environment(&self, service: &Service) -> Result<Env, Failure> {
        let base = Env::of_this_process();
        let output = CommandOutput::default();
        let environment = environment(service, &base, &self.ports, TIME_LIMIT, Some(&output)).await;
        environment.map_err(not_run)
    }

    /// Returns the port and the address of every service, as variables.
    pub(super) fn addresses(&self) -> BTreeMap<String, String> {
        self.stack.addresses(&self.ports)
    }

    /// Returns the page or the address of every service that has one.
    pub(super) fn pages(&self) -> Vec<(String, String)> {
        let services = self.stack.services.iter().filter_map(|service| {
            let service = service.name.clone();
            let name = service.to_string();
            Some((
                name,
                self.url(
                    &Url {
                        service,
                        link: None,
                    },
                    true,
                )
                .ok()?,
            ))
        });
        services.collect()
    }

    /// Returns a link of a service. Without a label, returns the address of its port, or else its first link;
    /// for a page, the first link or else the address.
    fn url(&self, asked: &Url, is_page: bool) -> Result<String, Failure> {
        let name = &asked.service;
        let service = self.service(name)?;
        let view = self.view.service(name, 0);
        let links = view.map(|view| view.links.clone()).unwrap_or_default();
        if let Some(label) = &asked.link {
            let known: Vec<&str> = links.keys().map(String::as_str).collect();
            let known = known.join(", ");
            return links.get(label).cloned().ok_or_else(|| {
                Failure::Usage(format!("no link `{label}` of {name}; links are: {known}"))
            });
        }
        let host = self.ports.host_of(name);
        let port = self.ports.port_of(name);
        let port = port.map(|port| service.address(host, port));
        let link = links.into_values().next();
        let url = if is_page {
            link.or(port)
        } else {
            port.or(link)
        };
        url.ok_or_else(|| {
            let why = format!("{name} has neither a port nor a link in the stack file");
            Failure::Usage(why)
        })
    }
}

/// Returns the failure of a command that cannot be run.
pub(super) fn not_run(fault: LaunchFault) -> Failure {
    Failure::Refused(tame(&match fault {
        LaunchFault::EnvFileInvalid {
            path,
            line,
            message,
        } => {
            let line = line.map_or_else(String::new, |line| format!(", line {line}"));
            format!("{}{line}: {message}", path.display())
        }
        LaunchFault::RequirementMissing { what, .. } => format!("{what} is missing"),
        LaunchFault::Log { message, .. } => message,
        other => other.to_string(),
    }))
}

pub(crate) async fn url(context: &Context, asked: &Url) -> Result<Ending, Failure> {
    let url = Here::of(context).await?.url(asked, false)?;
    writeln!(paint::out(), "{}", tame(&url))?;
    Ok(Ending::Done)
}

pub(crate) async fn open(context: &Context, asked: &Url) -> Result<Ending, Failure> {
    let url = Here::of(context).await?.url(asked, true)?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let why = format!("{} is not a page for a browser", tame(&url));
        return Err(Failure::Usage(why));
    }
    if open_page(&url).await {
        return Ok(Ending::Done);
    }
    let what = format!("no browser could be opened with `{}`", opener().join(" "));
    tell(&what, Some(&format!("open {}", tame(&url))))?;
    Ok(Ending::Undone)
}

/// Opens a page in the browser, and returns whether that was possible.
pub(crate) async fn open_page(url: &str) -> bool {
    let (program, arguments) = (opener()[0], &opener()[1..]);
    #[expect(
        clippy::disallowed_methods,
        reason = "the user's browser is not a service"
    )]
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).arg(url);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().await.is_ok_and(|status| status.success())
}

pub(crate) async fn env(context: &Context, asked: &EnvCommand) -> Result<Ending, Failure> {
    let here = Here::of(context).await?;
    let mut variables = here.addresses();
    if let Some(name) = &asked.service {
        let own = Env::of_this_process();
        let environment = here.environment(here.service(name)?).await?;
        for (name, value) in environment.iter() {
            let name = name.to_string_lossy();
            if own.get(&name) != Some(value) {
                let value = value.to_string_lossy().into_owned();
                variables.insert(name.into_owned(), value);
            }
        }
    }
    let mut out = std::io::stdout().lock();
    if asked.json {
        out.write_all(json::pretty(&variables)?.as_bytes())?;
        return Ok(Ending::Done);
    }
    for (name, value) in &variables {
        if asked.shell {
            // A POSIX shell accepts no other names of variables.
            if name.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
                writeln!(out, "export {name}={}", shell_words::quote(value))?;
            }
        } else if asked.dotenv {
            writeln!(out, "{name}={}", quoted(value))?;
        } else {
            writeln!(out, "{}", tame(&redact(&format!("{name}={value}"))))?;
        }
    }
    Ok(Ending::Done)
}

/// Quotes a value for an env file.
fn quoted(value: &str) -> String {
    if !value.contains(['\'', '\n', '\r']) {
        return format!("'{value}'");
    }
    let mut text = String::from("\"");
    for character in value.chars() {
        match character {
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '"' | '\\' | '$' | '`' => text.extend(['\\', character]),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

pub(crate) async fn exec(context: &Context, asked: &Exec) -> Result<Ending, Failure> {
    run(context, &asked.service, &asked.command).await
}

pub(crate) async fn shell(context: &Context, asked: &ShellCommand) -> Result<Ending, Failure> {
    let (variable, usual) = match OS {
        "windows" => ("COMSPEC", "cmd.exe"),
        _ => ("SHELL", "sh"),
    };
    let shell = var_os(variable).unwrap_or_else(|| usual.into());
    run(context, &asked.service, &[shell]).await
}

async fn run(
    context: &Context,
    name: &ServiceName,
    command: &[OsString],
) -> Result<Ending, Failure> {
    let here = Here::of(context).await?;
    let service = here.service(name)?;
    let environment = here.environment(service).await?;
    let code = foreground(command, &service.directory, &environment).await;
    code.map(Ending::of_code).map_err(not_run)
}
