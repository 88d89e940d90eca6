//! `pilotlight port`

use std::{
    env::consts::OS,
    io::{self, BufRead as _, IsTerminal as _, Write},
};

use pilotlight::{
    effects::port::{Listeners, Requester, describe_fault, free, listeners, may_free},
    model::{
        container::Publisher,
        documents::{HiddenListener, Listener, PortFreed, PortReport, PublishedBy},
        facts::{Holder, Mark, PortFault, Protected},
        view::Snapshot,
    },
    stack::Port,
};
use serde_json::Value;

use crate::{
    args::PortCommand,
    context::Context,
    failure::{Ending, Failure, tell},
    json,
    paint::{self, BOLD, DIM, paint, tame},
    time::{self, age, since, timestamp},
};

pub(crate) async fn run(context: &Context, asked: &PortCommand) -> Result<Ending, Failure> {
    let port = asked.port;
    let snapshot = context.snapshot().await?;
    let running = Running::of(context, &snapshot);
    let listeners = listeners(port)
        .await
        .map_err(Failure::system("find out which process uses the port"))?;
    if !asked.free {
        return show(asked, &listeners, &running);
    }
    let requester = Requester::with(running.marks().collect());
    let is_in_use = !listeners.holders.is_empty() || listeners.container.is_some();
    if is_in_use && !asked.yes {
        if let Err(fault) = may_free(port, &requester).await {
            return say_refused(asked, &fault, &running);
        }
        if !io::stdin().is_terminal() {
            let why = "confirmation needs a terminal; pass `--yes` to stop it without asking";
            return Err(Failure::Usage(why.to_owned()));
        }
        paint::print(&mut paint::err(), listing(port, &listeners, &running))?;
        if !confirmed("Stop it?")? {
            return Ok(Ending::Undone);
        }
    }
    match free(port, &requester).await {
        Ok(ended) => say_ended(asked, &ended, listeners.container.as_ref()),
        Err(fault) => say_refused(asked, &fault, &running),
    }
}

/// Returns the services that the daemon runs, with the command that stops each.
pub(super) struct Running(Vec<(Mark, String)>);

impl Running {
    pub(super) fn of(context: &Context, snapshot: &Snapshot) -> Self {
        let services = snapshot.stacks.iter().flat_map(|stack| {
            let id = context.home.stack_id(&stack.file);
            let services = stack
                .services
                .iter()
                .filter(|service| service.pid.is_some() || service.container.is_some());
            services.filter_map(move |service| {
                let mark = Mark {
                    stack: id.clone(),
                    service: service.name.clone(),
                    run: service.run?,
                };
                let file = stack.file.to_string_lossy();
                let file = shell_words::quote(&file);
                Some((
                    mark,
                    format!("pilotlight --file {file} down {}", service.name),
                ))
            })
        });
        Self(services.collect())
    }

    pub(super) fn marks(&self) -> impl Iterator<Item = Mark> {
        self.0.iter().map(|(mark, _)| mark.clone())
    }

    /// Returns the command that stops this service.
    fn stopped_by(&self, mark: &Mark) -> Option<&str> {
        let running = self.0.iter().find(|(running, _)| running == mark);
        running.map(|(_, command)| command.as_str())
    }
}

/// Returns which process uses a port, as `port --json` prints it.
pub(crate) async fn look(port: Port) -> Result<Value, Failure> {
    let listeners = listeners(port)
        .await
        .map_err(Failure::system("find out which process uses the port"))?;
    let report = serde_json::to_value(report(port, &listeners));
    report.map_err(|error| Failure::Output(error.into()))
}

fn report(port: Port, listeners: &Listeners) -> PortReport<'_> {
    let hidden = listeners.hidden.iter().map(|hidden| HiddenListener {
        address: hidden.address.map(|address| address.to_string()),
        user: hidden.user.as_deref(),
    });
    PortReport {
        port,
        holders: listeners.holders.iter().map(Listener::from).collect(),
        hidden: hidden.collect(),
        container: listeners.container.as_ref().map(PublishedBy::from),
    }
}

fn show(asked: &PortCommand, listeners: &Listeners, running: &Running) -> Result<Ending, Failure> {
    if asked.json {
        json::print(&report(asked.port, listeners))?;
    } else {
        paint::print(&mut paint::out(), listing(asked.port, listeners, running))?;
    }
    Ok(Ending::Done)
}

/// Returns a description of the processes that listen on a port, in lines.
fn listing(port: Port, listeners: &Listeners, running: &Running) -> Vec<String> {
    let field = |name: &str, value: &str| format!("  {name:<12}{}", tame(value));
    let hint = |text: &str| format!("  {}", paint(DIM, text));
    let mut lines = Vec::new();
    if *listeners == Listeners::default() {
        lines.push(format!("Nothing is listening on port {port}."));
    }
    if let Some(container) = &listeners.container {
        let (name, image) = (tame(&container.name), tame(&container.image));
        let image = format!("container of {image}");
        lines.push(format!("{} {}", paint(BOLD, &name), paint(DIM, &image)));
        if let Some((project, folder)) = &container.project {
            lines.push(field("project", project));
            lines.push(field("folder", &folder.to_string_lossy()));
        }
    }
    // Processes of other users.
    for hidden in &listeners.hidden {
        let name = match &hidden.user {
            Some(user) => format!("a process of user {}", tame(user)),
            None => "a process hidden from you".to_owned(),
        };
        lines.push(paint(BOLD, &name));
        lines.push(match hidden.address {
            Some(address) => field("address", &address.to_string()),
            None => field("uses port", &port.to_string()),
        });
        let command = with_more_rights(port);
        lines.push(hint(&format!("to see which process, run `{command}`")));
    }
    let now = time::now();
    for holder in &listeners.holders {
        let user = holder.user.as_ref();
        let age = holder.since.map(|began| age(since(timestamp(began), now)));
        let mut about = vec![format!("PID {}", holder.process.pid)];
        about.extend(user.map(|user| format!("user {}", tame(user))));
        about.extend(age.map(|age| format!("running for {age}")));
        let name = paint(BOLD, &tame(&holder.name));
        lines.push(format!("{name} {}", paint(DIM, &about.join(", "))));
        let addresses: Vec<String> = holder.addresses.iter().map(ToString::to_string).collect();
        lines.push(field("address", &addresses.join(", ")));
        if let Some(line) = &holder.command_line {
            lines.push(field("command", line));
        }
        if let Some(folder) = &holder.folder {
            lines.push(field("folder", &folder.to_string_lossy()));
        }
        if let Some(mark) = &holder.mark {
            let service = format!("{} of {}, run {}", mark.service, mark.stack, mark.run);
            lines.push(field("service", &service));
            let command = running.stopped_by(mark);
            lines.extend(command.map(|command| hint(&format!("stop it with `{command}`"))));
        }
    }
    lines
}

/// Returns the command that shows the process to an administrator.
fn with_more_rights(port: Port) -> String {
    match OS {
        "macos" => format!("sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"),
        "windows" => format!("netstat -abno | findstr :{port}"),
        _ => format!("sudo ss -ltnp 'sport = :{port}'"),
    }
}

/// Asks a yes/no question on the terminal; only `yes` agrees.
pub(super) fn confirmed(question: &str) -> io::Result<bool> {
    let answer = answer(&format!("{question} [y/N]"))?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}

/// Asks a yes/no question on the terminal; an empty line agrees, the end of the input does not.
pub(super) fn agreed(question: &str) -> io::Result<bool> {
    let answer = answer(&format!("{question} [Y/n]"))?;
    Ok(matches!(answer.as_str(), "\n" | "\r\n") || matches!(answer.trim(), "y" | "yes"))
}

fn answer(question: &str) -> io::Result<String> {
    write!(paint::err(), "{question} ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.to_lowercase())
}

fn say_ended(
    asked: &PortCommand,
    ended: &[Holder],
    container: Option<&Publisher>,
) -> Result<Ending, Failure> {
    let port = asked.port;
    if asked.json {
        json::print(&PortFreed {
            port,
            free: true,
            ended: ended.iter().map(Listener::from).collect(),
            container: container.map(PublishedBy::from),
            reason: None,
        })?;
        return Ok(Ending::Done);
    }
    let mut out = paint::out();
    for holder in ended {
        writeln!(out, "Stopped {}", tame(&holder.describe()))?;
    }
    if let Some(container) = container {
        writeln!(out, "Stopped {}", tame(&container.to_string()))?;
    }
    if ended.is_empty() && container.is_none() {
        writeln!(out, "Nothing is listening on port {port}.")?;
    } else {
        writeln!(out, "Port {port} is free.")?;
    }
    Ok(Ending::Done)
}

fn say_refused(
    asked: &PortCommand,
    fault: &PortFault,
    running: &Running,
) -> Result<Ending, Failure> {
    let reason = describe_fault(asked.port, fault);
    if asked.json {
        json::print(&PortFreed {
            port: asked.port,
            free: false,
            ended: Vec::new(),
            container: None,
            reason: Some(reason),
        })?;
        return Ok(Ending::Undone);
    }
    let help = match fault {
        PortFault::Taken {
            protected: Some(Protected::RunningService(neighbour)),
            ..
        } => running
            .stopped_by(&neighbour.mark)
            .map(|command| format!("stop it with `{command}`")),
        PortFault::Taken {
            holder: None,
            protected: Some(Protected::OtherUser { .. }),
        } => Some(format!(
            "to see which process, run `{}`",
            with_more_rights(asked.port)
        )),
        _ => None,
    };
    tell(&tame(&reason), help.as_deref())?;
    Ok(Ending::Undone)
}
