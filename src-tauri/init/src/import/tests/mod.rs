//! Files of every tool, and the stack files drafted from them.

mod properties;

use std::{collections::BTreeMap, path::Path};

use super::*;
use crate::{detect::Host, draft::render};
use pilotlight::{env::Env, stack::Stack, stack_file};

/// Parses a project from one text, in which `=== path` starts a file.
fn project(text: &str, host: Host) -> Listing {
    let mut listing = Listing::new("project", host);
    for part in text.split("=== ").skip(1) {
        let (path, text) = part.split_once('\n').unwrap_or((part, ""));
        listing.add(path.trim(), Some(text));
    }
    listing
}

fn with(programs: &[&str]) -> Host {
    Host {
        programs: programs.iter().map(|&name| name.to_owned()).collect(),
        ..Host::default()
    }
}

fn parsed(text: &str) -> Stack {
    let file = Path::new("/project/pilotlight.toml");
    stack_file::parse(file, text.as_bytes(), &Env::new()).unwrap_or_else(|report| {
        let problems: Vec<String> = report.problems().iter().map(ToString::to_string).collect();
        panic!("{}\n{text}", problems.join("\n"))
    })
}

/// Returns the drafted stack file, which must be valid, and the decisions.
fn written(text: &str, host: Host) -> String {
    let combined = draft(&project(text, host));
    let text = render(&combined.draft);
    if !combined.draft.services.is_empty() {
        parsed(&text);
    }
    let decided = combined
        .decided
        .iter()
        .map(|it| format!("\n# decided: {it}"));
    text + &decided.collect::<String>()
}

macro_rules! fixtures {
    ($($name:ident: $programs:expr,)*) => {
        $(
            #[test]
            fn $name() {
                let text = include_str!(concat!("fixtures/", stringify!($name), ".txt"));
                insta::assert_snapshot!(written(text, with(&$programs)));
            }
        )*
    };
}

fixtures! {
    procfile: ["python"],
    compose: ["docker", "python"],
    compose_without_engine: ["node"],
    process_compose: ["python"],
    pitchfork: ["node"],
    pm2: ["node"],
    pm2_json: ["node"],
    vscode: ["node"],
    launch: ["python"],
    concurrently: ["node"],
    run_all: ["node"],
    several: ["podman", "node"],
    wrong: [],
    circle: [],
}

#[test]
fn a_store_that_listens_already_is_not_started_again() {
    let mut host = with(&["docker"]);
    host.listening = BTreeMap::from([(6379, Some("redis-server".to_owned()))]);
    let text =
        "=== compose.yaml\nservices:\n  cache:\n    image: redis\n    ports: ['6379:6379']\n";
    let draft = draft(&project(text, host)).draft;
    let stack = parsed(&render(&draft));
    assert!(stack.services[0].is_external());
}

#[test]
fn depends_on_wins_over_dependencies_by_address() {
    let text = "=== compose.yaml\nservices:\n  web:\n    build: web\n    command: w\n    \
                depends_on: [api]\n    ports: ['80:80']\n  api:\n    build: api\n    command: a\n    \
                ports: ['81:81']\n    environment: {PAGES: 'http://web:80'}\n";
    let draft = draft(&project(text, with(&["docker"]))).draft;
    let needs = |name: &str| draft.service(name).unwrap().needs.len();
    assert_eq!((needs("web"), needs("api")), (1, 0));
    parsed(&render(&draft));
}

#[test]
fn a_file_wins_over_detection_which_completes_it() {
    let text = "=== Procfile\nweb: npm run dev\n=== package.json\n{\"scripts\": {\"dev\": \"vite\"}, \
                \"devDependencies\": {\"vite\": \"7\"}}\n=== package-lock.json\n{}\n=== vite.config.ts\n\
                export default { server: { port: 5199 } }\n";
    let combined = draft(&project(text, with(&["node", "npm"])));
    let names: Vec<&str> = combined.draft.services.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["web"], "{:?}", combined.decided);
    let web = &combined.draft.services[0];
    assert_eq!(web.port.as_ref().map(|said| said.value), Some(5199));
    assert_eq!(web.because.file.as_deref(), Some("Procfile"));
    parsed(&render(&combined.draft));
}
