//! `pilotlight test`

use std::{
    env::{current_dir, var_os},
    fs,
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use pilotlight::{
    effects::{log::ServiceLogs, process::foreground},
    env::Env,
    host::clock,
    model::{
        finding::Finding,
        view::{Light, StackView},
    },
    stack::ServiceName,
};

use super::{
    causes, down, print_findings,
    service::{Here, not_run},
    up,
};
use crate::{
    args::{Down, Test, Up},
    context::Context,
    failure::{Ending, Failure, tell},
    mcp::last_lines,
    paint::{self, BOLD, paint},
};

/// The number of log lines of each service with a problem.
const LINES: usize = 20;

/// A step of a test, for the report.
struct Step {
    name: String,
    took: Duration,
    /// The reason of its failure.
    failure: Option<String>,
}

pub(crate) async fn run(context: &Context, asked: &Test) -> Result<Ending, Failure> {
    let file = context.find()?;
    let before = context.snapshot().await?;
    let before = before.stack(&file).into_iter();
    let running = before.flat_map(|stack| &stack.services);
    let running: Vec<ServiceName> = running
        .filter(|service| service.light != Light::Off)
        .map(|service| service.name.clone())
        .collect();
    let began = clock::now().instant;
    let mut ending = up::run(context, Up::detached(Vec::new())).await?;
    let came_up = ending == Ending::Done;
    let mut steps = vec![Step {
        name: "pilotlight up".to_owned(),
        took: began.elapsed(),
        failure: (!came_up).then(|| "some services failed to start".to_owned()),
    }];
    if came_up {
        let began = clock::now().instant;
        ending = command(context, asked).await?;
        let words = asked.command.iter().map(|word| word.to_string_lossy());
        steps.push(Step {
            name: words.collect::<Vec<_>>().join(" "),
            took: began.elapsed(),
            failure: match ending {
                Ending::Done | Ending::Code(0) => None,
                Ending::Code(code) => Some(format!("exited with code {code}")),
                Ending::Undone | Ending::Invalid => Some("could not be run".to_owned()),
            },
        });
    }
    let stack = context.snapshot().await?.stack(&file).cloned();
    if let Some(step) = steps.iter_mut().find(|step| step.failure.is_some())
        && let Some(stack) = &stack
    {
        let findings = explain(context, &file, stack, came_up).await?;
        let titles = findings.iter().map(|finding| finding.title.to_string());
        let lines: Vec<String> = step.failure.take().into_iter().chain(titles).collect();
        step.failure = Some(lines.join("\n"));
    }
    if let Some(report) = &asked.junit {
        let name = stack.as_ref().map_or("pilotlight", |stack| &stack.name);
        fs::write(report, junit(name, &steps)).map_err(Failure::system("write the report"))?;
    }
    if let Some(folder) = &asked.logs {
        copy_logs(context, &file, stack.as_deref(), folder)
            .map_err(Failure::system("copy the logs"))?;
    }
    let own = stack.iter().flat_map(|stack| &stack.services);
    let own = own.map(|service| service.name.clone());
    let own: Vec<ServiceName> = own.filter(|name| !running.contains(name)).collect();
    if !asked.keep && !own.is_empty() {
        let down = Down {
            services: if running.is_empty() { Vec::new() } else { own },
            ..Down::default()
        };
        let stopped = down::run(context, down).await?;
        if ending == Ending::Code(0) {
            ending = stopped;
        }
    }
    Ok(ending)
}

/// Runs the command in this folder, with the addresses of the services.
async fn command(context: &Context, asked: &Test) -> Result<Ending, Failure> {
    let mut environment = Env::of_this_process();
    for (name, value) in Here::of(context).await?.addresses() {
        environment.set(&name, value);
    }
    match foreground(&asked.command, &current_dir()?, &environment).await {
        Ok(code) => Ok(Ending::of_code(code)),
        Err(fault) => {
            // The services are stopped even if the command fails.
            not_run(fault).tell();
            Ok(Ending::Undone)
        }
    }
}

/// Prints the findings, unless the start has done so, and the last lines of the services with a problem.
/// On GitHub also annotates the findings.
async fn explain(
    context: &Context,
    file: &Path,
    stack: &StackView,
    came_up: bool,
) -> Result<Vec<Finding>, Failure> {
    let findings = causes(context, stack).await?;
    if came_up {
        print_findings(&findings)?;
    }
    let mut err = paint::err();
    for service in stack.services.iter().filter(|it| it.has_problem()) {
        let lines = last_lines(&context.home, file, &service.name, LINES);
        if !lines.is_empty() {
            let title = format!("the last lines of {}:", service.name);
            writeln!(err, "{}", paint(BOLD, &title))?;
        }
        for line in lines {
            writeln!(err, "  {line}")?;
        }
    }
    if var_os("GITHUB_ACTIONS").is_some() {
        let mut out = io::stdout().lock();
        for finding in &findings {
            let text = format!("{}\n{}", &*finding.title, &*finding.remedy.text);
            let text = text.replace('%', "%25").replace('\r', "%0D");
            writeln!(out, "::error::{}", text.replace('\n', "%0A"))?;
        }
    }
    tell("the test failed", None)?;
    Ok(findings)
}

/// Copies the log of the latest run of each service.
fn copy_logs(
    context: &Context,
    file: &Path,
    stack: Option<&StackView>,
    folder: &Path,
) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let id = context.home.stack_id(file);
    for service in stack.iter().flat_map(|stack| &stack.services) {
        let logs = ServiceLogs::of(context.home.logs(), &id, &service.name);
        if let Some(run) = logs.latest_run()? {
            let copy = folder.join(format!("{}.log", service.name));
            fs::copy(logs.run(run).log(), copy)?;
        }
    }
    Ok(())
}

/// Returns a JUnit report with a test case for each step.
fn junit(stack: &str, steps: &[Step]) -> String {
    let failed = steps.iter().filter(|step| step.failure.is_some()).count();
    let (name, count) = (escaped(stack), steps.len());
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuite name=\"{name}\" tests=\"{count}\" failures=\"{failed}\">\n"
    );
    for step in steps {
        let (own, took) = (escaped(&step.name), step.took.as_secs_f64());
        let begin = format!("  <testcase classname=\"{name}\" name=\"{own}\" time=\"{took:.3}\"");
        let case = match &step.failure {
            None => format!("{begin}/>\n"),
            Some(failure) => {
                let first = escaped(failure.lines().next().unwrap_or_default());
                let failure = escaped(failure);
                let failure = format!("<failure message=\"{first}\">{failure}</failure>");
                format!("{begin}>\n    {failure}\n  </testcase>\n")
            }
        };
        text.push_str(&case);
    }
    text + "</testsuite>\n"
}

/// Escapes a text for XML and replaces control characters, which XML does not allow.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            other if other.is_control() => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_valid_xml_for_all_texts() {
        let step = |name: &str, failure: Option<&str>| Step {
            name: name.to_owned(),
            took: Duration::from_millis(1500),
            failure: failure.map(str::to_owned),
        };
        let steps = [
            step("up", None),
            step("a <b> & \"c\"", Some("no\u{1b}\n]]>")),
        ];
        assert_eq!(
            junit("shop", &steps),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuite name=\"shop\" tests=\"2\" failures=\"1\">\n  \
             <testcase classname=\"shop\" name=\"up\" time=\"1.500\"/>\n  \
             <testcase classname=\"shop\" name=\"a &lt;b&gt; &amp; &quot;c&quot;\" time=\"1.500\">\n    \
             <failure message=\"no\u{fffd}\">no\u{fffd}\n]]&gt;</failure>\n  </testcase>\n</testsuite>\n"
        );
    }
}
