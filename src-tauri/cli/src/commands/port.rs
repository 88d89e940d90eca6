//! `pilotlight port`

use std::{
    env::consts::OS,
    io::{self, BufRead as _, IsTerminal as _, Write},
    sync::Arc,
};

use pilotlight::{
    effects::port::{Hidden, Listeners, Requester, describe_fault, free, listeners, may_free},
    host::clock,
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
    let snapshot = match context.daemon().await? {
        Some(mut client) => client.status().await?,
        None => Arc::default(),
    };
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
        print(&mut paint::err(), port, &listeners, &running)?;
        if !confirmed("Stop it?")? {
            return Ok(Ending::Undone);
        }
    }
    match free(port, &requester).await {
        Ok(ended) => say_ended(asked, &ended, listeners.container.as_ref()),
        Err(fault) => say_refused(asked, &fault, &running),
    }
}

/// The services that the daemon runs, with the command that stops each.
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

    /// The command that stops this one.
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
        print(&mut paint::out(), asked.port, listeners, running)?;
    }
    Ok(Ending::Done)
}

fn print(
    out: &mut impl Write,
    port: Port,
    listeners: &Listeners,
    running: &Running,
) -> io::Result<()> {
    if *listeners == Listeners::default() {
        return writeln!(out, "Nothing is listening on port {port}.");
    }
    if let Some(container) = &listeners.container {
        let (name, image) = (tame(&container.name), tame(&container.image));
        writeln!(
            out,
            "{} {}",
            paint(BOLD, &name),
            paint(DIM, &format!("container of {image}"))
        )?;
        if let Some((project, folder)) = &container.project {
            writeln!(out, "  project     {}", tame(project))?;
            writeln!(out, "  folder      {}", tame(&folder.to_string_lossy()))?;
        }
    }
    for hidden in &listeners.hidden {
        print_hidden(out, port, hidden)?;
    }
    let now = time::now();
    for holder in &listeners.holders {
        let pid = holder.process.pid;
        write!(
            out,
            "{} {}",
            paint(BOLD, &tame(&holder.name)),
            paint(DIM, &format!("PID {pid}"))
        )?;
        if let Some(user) = &holder.user {
            write!(out, "{}", paint(DIM, &format!(", user {}", tame(user))))?;
        }
        if let Some(began) = holder.since {
            let age = age(since(timestamp(began), now));
            write!(out, "{}", paint(DIM, &format!(", running for {age}")))?;
        }
        writeln!(out)?;
        let addresses: Vec<String> = holder.addresses.iter().map(ToString::to_string).collect();
        writeln!(out, "  address     {}", addresses.join(", "))?;
        if let Some(line) = &holder.command_line {
            writeln!(out, "  command     {}", tame(line))?;
        }
        if let Some(folder) = &holder.folder {
            writeln!(out, "  folder      {}", tame(&folder.to_string_lossy()))?;
        }
        if let Some(mark) = &holder.mark {
            writeln!(
                out,
                "  service     {} of {}, run {}",
                mark.service, mark.stack, mark.run
            )?;
            if let Some(command) = running.stopped_by(mark) {
                writeln!(
                    out,
                    "  {}",
                    paint(DIM, &format!("stop it with `{command}`"))
                )?;
            }
        }
    }
    Ok(())
}

/// The details known about a listener whose process belongs to another user.
fn print_hidden(out: &mut impl Write, port: Port, hidden: &Hidden) -> io::Result<()> {
    match &hidden.user {
        Some(user) => write!(
            out,
            "{}",
            paint(BOLD, &format!("a process of user {}", tame(user)))
        )?,
        None => write!(out, "{}", paint(BOLD, "a process hidden from you"))?,
    }
    match hidden.address {
        Some(address) => writeln!(out, "\n  address     {address}")?,
        None => writeln!(out, "\n  uses port   {port}")?,
    }
    let more = format!("to see which process, run `{}`", with_more_rights(port));
    writeln!(out, "  {}", paint(DIM, &more))
}

/// The command that shows the process to a user with the necessary rights.
fn with_more_rights(port: Port) -> String {
    match OS {
        "macos" => format!("sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"),
        "windows" => format!("netstat -abno | findstr :{port}"),
        _ => format!("sudo ss -ltnp 'sport = :{port}'"),
    }
}

/// Asks a yes/no question on the terminal.
pub(super) fn confirmed(question: &str) -> io::Result<bool> {
    write!(paint::err(), "{question} [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
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
        writeln!(out, "Stopped {}", tame(&holder.describe(clock::now().wall)))?;
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
    let reason = describe_fault(asked.port, fault, clock::now().wall);
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
