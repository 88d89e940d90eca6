//! Units for the service manager of a user, and a target for the stack.

use std::{fmt::Write as _, path::Path};

use pilotlight::stack::{Restart, Service, Signal, StopMethod};

use super::{
    File,
    plan::{Part, Plan, command, host_name, spell, variables},
};

pub(super) fn units(plan: &mut Plan<'_>) -> Vec<File> {
    let parts = std::mem::take(&mut plan.parts);
    let stack = host_name(&plan.stack.name);
    let target = format!("{stack}.target");
    let units: Vec<String> = parts
        .iter()
        .map(|part| format!("{stack}-{}.service", part.name))
        .collect();
    let text = format!(
        "[Unit]\nDescription={}\nWants={}\n\n[Install]\nWantedBy=default.target\n",
        escaped(&plan.stack.name, ""),
        units.join(" ")
    );
    let mut files = vec![File {
        name: target.clone(),
        text,
    }];
    for (part, name) in parts.iter().zip(&units) {
        let needs: Vec<&str> = part
            .service
            .needs
            .keys()
            .filter_map(|need| {
                let place = parts.iter().position(|part| part.service.name == *need)?;
                Some(units[place].as_str())
            })
            .collect();
        let text = unit(plan, part, &target, &needs.join(" "));
        files.push(File {
            name: name.clone(),
            text,
        });
    }
    files
}

fn unit(plan: &mut Plan<'_>, part: &Part<'_>, target: &str, needs: &str) -> String {
    let service = part.service;
    let name = format!("{} of {}", service.name, plan.stack.name);
    let mut text = format!(
        "[Unit]\nDescription={}\nPartOf={target}\n",
        escaped(&name, "")
    );
    if !needs.is_empty() {
        // They are active when they are ready.
        let _ = writeln!(text, "Requires={needs}\nAfter={needs}");
    }
    let _ = writeln!(text, "\n[Service]");
    for (key, value) in start(plan, part).into_iter().chain(end(plan, service)) {
        let _ = writeln!(text, "{key}={value}");
    }
    let _ = writeln!(text, "\n[Install]\nWantedBy={target}");
    text
}

type Lines = Vec<(&'static str, String)>;

/// Returns the lines for the start of a service.
fn start(plan: &mut Plan<'_>, part: &Part<'_>) -> Lines {
    let service = part.service;
    let path = |path: &Path| escaped(&path.to_string_lossy(), "");
    let kind = if service.task.is_some() {
        "oneshot"
    } else {
        "exec"
    };
    let mut lines = vec![
        ("Type", kind.to_owned()),
        ("WorkingDirectory", path(&service.directory)),
    ];
    for file in &service.env_files {
        let optional = if file.optional { "-" } else { "" };
        lines.push(("EnvironmentFile", format!("{optional}{}", path(&file.path))));
    }
    let (mut env, mut words) = command(plan, part);
    // Only a command line has the variables of the service manager.
    env.retain(|assigned| {
        let is_known = variables(assigned).is_empty();
        if is_known {
            lines.push(("Environment", format!("\"{}\"", escaped(assigned, "\"\\"))));
        }
        !is_known
    });
    let named = env.iter().chain(&words).flat_map(|word| variables(word));
    for name in named {
        let note = format!("needs ${name}: `systemctl --user set-environment {name}=…`");
        plan.note(service, &note);
    }
    let is_path = words.first().is_some_and(|program| program.contains('/'));
    if is_path {
        let program = service.directory.join(&words[0]);
        words[0] = program.to_string_lossy().into_owned();
    }
    if !is_path || !env.is_empty() {
        // It searches the path of the service manager.
        let before = ["/usr/bin/env".to_owned()].into_iter().chain(env);
        words.splice(0..0, before);
    }
    lines.push(("ExecStart", command_line(&words)));
    let waits = part.tests.iter().map(|test| {
        let wait = format!("until {test}; do sleep 0.2; done");
        ("ExecStartPost", shell(&wait))
    });
    lines.extend(waits);
    lines.push((
        "TimeoutStartSec",
        service.start_timeout.as_secs().to_string(),
    ));
    lines
}

/// Returns the lines for the end of a service.
fn end(plan: &Plan<'_>, service: &Service) -> Lines {
    let stop = match &service.stop.graceful {
        StopMethod::Signal(Signal::Terminate) => None,
        StopMethod::Signal(signal) => Some(("KillSignal", signal.name().to_owned())),
        StopMethod::Command(command) => {
            let command = command.render(&service.name, plan).to_string();
            Some(("ExecStop", shell(&command)))
        }
    };
    let restart = match service.restart {
        _ if service.task.is_some() => Restart::Never,
        restart => restart,
    };
    let restart = match restart {
        Restart::Never => "no",
        other => other.name(),
    };
    let delay = service.restart_delay;
    let codes = service.success_exit_codes.iter().map(ToString::to_string);
    let codes = codes.collect::<Vec<_>>().join(" ");
    let lines = [
        stop,
        Some(("TimeoutStopSec", service.stop.timeout.as_secs().to_string())),
        Some(("Restart", restart.to_owned())),
        delay.map(|delay| ("RestartSec", format!("{}ms", delay.as_millis()))),
        Some(("SuccessExitStatus", codes)).filter(|(_, codes)| !codes.is_empty()),
        service
            .memory
            .map(|memory| ("MemoryMax", memory.bytes.to_string())),
    ];
    lines.into_iter().flatten().collect()
}

fn shell(line: &str) -> String {
    command_line(&["/bin/sh", "-c", line].map(str::to_owned))
}

/// Returns words as a command line of a unit, with the variables of the service manager.
fn command_line(words: &[String]) -> String {
    let words = words.iter().map(|word| {
        let literal = |part: &str| escaped(part, "\"\\").replace('$', "$$");
        let spelled = spell(word, literal, |name| format!("${{{name}}}"));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=%@,+".contains(c);
        if spelled.chars().all(is_plain) && !spelled.is_empty() {
            spelled
        } else {
            format!("\"{spelled}\"")
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Escapes a text: with a backslash before these characters, and without specifiers.
fn escaped(text: &str, special: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '%' => escaped.push_str("%%"),
            '\n' => escaped.push_str("\\n"),
            c if special.contains(c) => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}
