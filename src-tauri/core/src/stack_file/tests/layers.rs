//! A stack in several files: merging, and reporting each problem in its own file.

use std::fmt::Write as _;
use std::fs;

use tempfile::TempDir;

use super::*;
use crate::{
    stack::{Command, Service},
    stack_file::{files, resolved, whole},
};

/// Creates a folder with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn read(folder: &TempDir, profiles: &[&str]) -> Result<Stack, Report> {
    let profiles: Vec<String> = profiles.iter().map(|&name| name.to_owned()).collect();
    let file = folder.path().join("app/pilotlight.toml");
    crate::stack_file::read(&file, &profiles, &environment())
}

fn stack(folder: &TempDir, profiles: &[&str]) -> Stack {
    read(folder, profiles).unwrap_or_else(|report| {
        panic!("{:#?}", report.lines().collect::<Vec<_>>());
    })
}

/// Returns the problems, with the names of the files instead of their paths.
fn problems(folder: &TempDir, profiles: &[&str]) -> Vec<String> {
    let report = read(folder, profiles).expect_err("the stack file is invalid");
    let problems = report.problems().iter().map(|problem| {
        let file = Path::new(problem.file()).file_name().unwrap();
        let place = problem.place().unwrap();
        let (file, line, column) = (file.to_str().unwrap(), place.line, place.column);
        format!(
            "{file}:{line}:{column}: {problem}; {}",
            problem.suggestion()
        )
    });
    problems.collect()
}

fn names(stack: &Stack) -> Vec<&str> {
    let names = stack.services.iter().map(|service| service.name.as_str());
    names.collect()
}

fn service<'s>(stack: &'s Stack, name: &str) -> &'s Service {
    stack.service(&name.into()).unwrap()
}

fn env(stack: &Stack, name: &str) -> Vec<String> {
    let env = service(stack, name).env.iter();
    env.map(|(name, value)| format!("{name}={value}")).collect()
}

fn command(stack: &Stack, name: &str) -> String {
    let service = service(stack, name);
    match service.command.as_ref().unwrap() {
        Command::Argv(words) => words
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" "),
        Command::Shell(line) => line.to_string(),
    }
}

const WEB: &str = r#"
[service.web]
command = "serve {port}"
port = 8000
env = { A = "shared", B = "shared" }
needs = ["redis"]

[service.redis]
command = "redis-server --port {port}"
port = 6379
"#;

#[test]
fn the_local_file_is_merged_over_the_stack_file_table_by_table() {
    let folder = project(&[
        ("app/pilotlight.toml", WEB),
        (
            "app/pilotlight.local.toml",
            "[service.web]\nport = 9000\nenv.B = \"mine\"\nneeds = []\n[service.mine]\ncommand = \"top\"\n",
        ),
    ]);
    let stack = stack(&folder, &[]);
    assert_eq!(names(&stack), ["web", "redis", "mine"]);
    assert_eq!(env(&stack, "web"), ["A=shared", "B=mine"]);
    assert_eq!(service(&stack, "web").port.unwrap().number(), 9000);
    assert!(
        service(&stack, "web").needs.is_empty(),
        "a list is replaced"
    );
    assert_eq!(command(&stack, "web"), "serve {port}");
}

#[test]
fn an_included_file_keeps_its_folder_and_its_names_get_the_prefix() {
    let folder = project(&[
        (
            "app/pilotlight.toml",
            "include = [{ file = \"../infra/pilotlight.toml\", prefix = \"infra-\" }]\n\
             [service.api]\ncommand = \"api {infra-db.port}\"\nneeds = [\"infra-web\"]\n\
             [service.infra-db]\nport = 7777\n",
        ),
        (
            "infra/pilotlight.toml",
            "name = \"infra\"\ninclude = [\"../db/db.toml\"]\n\
             [service.web]\ncommand = \"web {db.port}\"\nneeds = { db = \"started\" }\nenv_file = \".env?\"\n\
             env_points_at = { DB = \"db\" }\nextends = \"common\"\n[template.common]\nenv = { web = \"web\" }\n",
        ),
        (
            "db/db.toml",
            "[service.db]\ncommand = \"db\"\nport = 5432\n",
        ),
    ]);
    let stack = stack(&folder, &[]);
    assert_eq!(stack.name, "app");
    assert_eq!(names(&stack), ["api", "infra-web", "infra-db"]);
    let web = service(&stack, "infra-web");
    assert!(web.directory.ends_with("infra"), "{web:?}");
    assert!(web.env_files[0].path.ends_with("infra/.env"), "{web:?}");
    assert!(web.needs.contains_key(&"infra-db".into()), "{web:?}");
    assert_eq!(web.env_points_at["DB"].as_str(), "infra-db");
    assert_eq!(env(&stack, "infra-web"), ["web=web"]);
    assert_eq!(command(&stack, "infra-web"), "web {infra-db.port}");
    let db = service(&stack, "infra-db");
    assert!(db.directory.ends_with("db"), "{db:?}");
    assert_eq!(
        db.port.unwrap().number(),
        7777,
        "the including file is laid over it"
    );
}

#[test]
fn a_service_inherits_the_keys_that_it_does_not_set() {
    let folder = project(&[(
        "app/pilotlight.toml",
        "[template.base]\nrestart = \"never\"\nenv = { A = \"base\", B = \"base\" }\n\
         [template.python]\nextends = \"base\"\nenv = { B = \"python\" }\n\
         [service.a]\nextends = [\"python\"]\ncommand = \"a\"\nport = 8000\nenv = { C = \"a\" }\n\
         [service.b]\nextends = \"a\"\nport = 8001\n",
    )]);
    let stack = stack(&folder, &[]);
    assert_eq!(env(&stack, "b"), ["A=base", "B=python", "C=a"]);
    assert_eq!(command(&stack, "b"), "a");
    assert_eq!(service(&stack, "b").restart, crate::stack::Restart::Never);
    assert_eq!(service(&stack, "b").port.unwrap().number(), 8001);
}

const PROFILES: &str = r#"
[profile.api]
services = ["backend"]
service.backend.env.MODE = "api"

[profile.mock]
services = ["mock"]

[profile.loud]
service.backend.env.LOG = "debug"

[service.backend]
command = "backend {frontend.port}"
port = 8001
needs = "redis"
env_points_at = { FRONTEND = "frontend" }

[service.mock]
command = "mock"
port = 8002

[service.redis]
command = "redis"

[service.frontend]
command = "frontend"
port = 5173
"#;

#[test]
fn a_profile_has_its_services_their_needs_and_its_changes() {
    let folder = project(&[("app/pilotlight.toml", PROFILES)]);
    let all = stack(&folder, &[]);
    assert_eq!(names(&all), ["backend", "mock", "redis", "frontend"]);
    assert_eq!(all.profiles, ["api", "mock", "loud"]);
    let api = stack(&folder, &["api"]);
    assert_eq!(names(&api), ["backend", "redis"]);
    assert_eq!(env(&api, "backend"), ["MODE=api"]);
    assert_eq!(
        command(&api, "backend"),
        "backend 5173",
        "its declared port"
    );
    assert!(service(&api, "backend").env_points_at.is_empty());
    let both = stack(&folder, &["mock", "api", "loud"]);
    assert_eq!(names(&both), ["backend", "mock", "redis"]);
    assert_eq!(env(&both, "backend"), ["LOG=debug", "MODE=api"]);
    let loud = stack(&folder, &["loud"]);
    assert_eq!(names(&loud), names(&all), "it chooses none");
    assert_eq!(stack(&folder, &["default"]).services, all.services);
}

#[test]
fn services_that_are_never_chosen_together_may_share_a_port() {
    let text = PROFILES.replace("8002", "8001")
        + "[profile.default]\nservices = [\"frontend\", \"backend\"]\n";
    let folder = project(&[("app/pilotlight.toml", &text)]);
    assert_eq!(
        names(&stack(&folder, &[])),
        ["backend", "redis", "frontend"]
    );
    let together = problems(&folder, &["api", "mock"]);
    assert!(together[0].contains("both have port 8001"), "{together:?}");
}

#[test]
fn every_problem_is_reported_in_its_own_file() {
    let folder = project(&[
        (
            "app/pilotlight.toml",
            "include = [\"../infra/infra.toml\"]\n[service.web]\ncommand = \"web\"\nprot = 1\nport = 80\n",
        ),
        (
            "app/pilotlight.local.toml",
            "[service.web]\n\nenv = { A = 1 }\n",
        ),
        (
            "infra/infra.toml",
            "\n\n[service.db]\ncommand = \"db\"\nrestart = \"sometimes\"\n",
        ),
    ]);
    assert_eq!(
        problems(&folder, &[]),
        [
            "pilotlight.toml:4:1: unknown key `prot`; did you mean `port`?",
            "pilotlight.local.toml:3:13: expected a string, found a whole number; put it in quotes: \"…\"",
            "infra.toml:5:11: `sometimes` is not one of `on-failure`, `always`, `never`; use one of `on-failure`, `always`, `never`",
        ]
    );
    fs::write(folder.path().join("infra/infra.toml"), "a = \n").unwrap();
    let syntax = problems(&folder, &[]);
    assert!(syntax[0].starts_with("infra.toml:1:"), "{syntax:?}");
}

#[test]
fn a_conflict_between_two_files_names_both() {
    let folder = project(&[
        ("app/pilotlight.toml", WEB),
        (
            "app/pilotlight.local.toml",
            "[service.other]\ncommand = \"x\"\nport = 8000\n",
        ),
    ]);
    let report = read(&folder, &[]).unwrap_err();
    let mut shown = String::new();
    miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none())
        .with_width(400)
        .render_report(&mut shown, &report)
        .unwrap();
    assert!(shown.contains("pilotlight.local.toml:3:8"), "{shown}");
    assert!(
        shown.contains("`web` has it first (") && shown.contains("pilotlight.toml:4)"),
        "{shown}"
    );
}

#[test]
fn unknown_names_and_cycles_are_reported_with_their_position() {
    let cases = [
        (
            "include = [\"none.toml\"]\n",
            "pilotlight.toml:1:12: `none.toml` cannot be included: the file does not exist",
        ),
        (
            "include = [\"pilotlight.toml\"]\n",
            "pilotlight.toml:1:12: `pilotlight.toml` includes this file",
        ),
        (
            "service.a = { command = \"a\", extends = \"b\" }\nservice.b = { command = \"b\", extends = \"a\" }\n",
            "`a` extends this one",
        ),
        (
            "template.node = {}\nservice.a = { command = \"a\", extends = \"nod\" }\n",
            "no template or service named `nod`; did you mean `node`?",
        ),
        (
            "service.web = { command = \"a\" }\nprofile.x = { services = [\"wep\"] }\n",
            "pilotlight.toml:2:27: no service named `wep`; did you mean `web`?",
        ),
        (
            "service.web = { command = \"a\" }\nprofile.x.service.wep = { port = 1 }\n",
            "pilotlight.toml:2:19: no service named `wep`",
        ),
    ];
    for (text, expected) in cases {
        let folder = project(&[("app/pilotlight.toml", text)]);
        let told = problems(&folder, &[]);
        assert!(
            told.iter().any(|problem| problem.contains(expected)),
            "{told:?}"
        );
    }
    let folder = project(&[("app/pilotlight.toml", PROFILES)]);
    let told = problems(&folder, &["ap"]);
    assert!(
        told[0].contains("no profile named `ap`; did you mean `api`?"),
        "{told:?}"
    );
}

#[test]
fn the_stored_text_can_be_parsed_without_its_files() {
    let folder = project(&[
        (
            "app/pilotlight.toml",
            "include = [\"../infra/infra.toml\"]\nprofile.p.services = [\"db\"]\n",
        ),
        ("app/pilotlight.local.toml", "service.db.env.A = \"mine\"\n"),
        ("infra/infra.toml", "\u{feff}service.db.command = \"db\"\n"),
    ]);
    let file = folder.path().join("app/pilotlight.toml");
    let stored = whole(&file, &["p".to_owned()]).unwrap();
    let before = stack(&folder, &["p"]);
    assert_eq!(files(&before.file, &stored).len(), 3);
    let path = before.file.clone();
    drop(folder);
    let after = parse(&path, stored.as_bytes(), &environment()).unwrap();
    assert_eq!(before, after);
    assert_eq!(after.chosen, ["p"]);
}

#[test]
fn a_stack_in_one_file_is_stored_unchanged() {
    let folder = project(&[("app/pilotlight.toml", WEB)]);
    let file = folder.path().join("app/pilotlight.toml");
    assert_eq!(whole(&file, &[]).unwrap(), WEB);
}

#[test]
fn a_file_with_a_list_of_files_has_no_others() {
    let text = "#:pilotlight-files {\"profiles\":[],\"files\":[{\"path\":\"/x\",\"size\":99,\"includes\":[]}]}\nservice.a.command = \"a\"\n";
    let folder = project(&[("app/pilotlight.toml", text)]);
    assert_eq!(names(&stack(&folder, &[])), ["a"]);
}

#[test]
fn many_files_and_templates_do_not_grow_exponentially() {
    let mut text = "service.web = { command = \"a\", extends = [\"t0\", \"t0\"] }\n".to_owned();
    for level in 0..30 {
        let next = level + 1;
        writeln!(
            text,
            "template.t{level} = {{ extends = [\"t{next}\", \"t{next}\"] }}"
        )
        .unwrap();
    }
    text += "template.t30 = { restart = \"never\" }\n";
    let folder = project(&[("app/pilotlight.toml", &text)]);
    assert_eq!(names(&stack(&folder, &[])), ["web"]);

    let twice = |next: usize| {
        format!(
            "include = [{{ file = \"{next}.toml\", prefix = \"a\" }}, {{ file = \"{next}.toml\", prefix = \"b\" }}]\nservice.s.command = \"s\"\n"
        )
    };
    let folder = project(&[("app/pilotlight.toml", &twice(0))]);
    for level in 0..20 {
        let file = folder.path().join(format!("app/{level}.toml"));
        fs::write(file, twice(level + 1)).unwrap();
    }
    fs::write(
        folder.path().join("app/20.toml"),
        "service.z.command = \"z\"\n",
    )
    .unwrap();
    let told = problems(&folder, &[]);
    assert!(told[0].contains("at most"), "{told:?}");
}

#[test]
fn every_key_of_the_merged_stack_has_its_position_and_no_secret() {
    let folder = project(&[
        (
            "app/pilotlight.toml",
            "name = \"shop\"\ninclude = [\"../infra/infra.toml\"]\n\
             [template.t]\nrestart = \"never\"\n\
             [service.web]\nextends = \"t\"\ncommand = [\"web\", \"--api-key\", \"k3yk3yk3y\"]\nport = 1\n",
        ),
        (
            "app/pilotlight.local.toml",
            "\n[service.web]\nport = 2\nenv.API_TOKEN = \"s3cr3ts3cr3t\"\n",
        ),
        ("infra/infra.toml", "\n\nservice.db.command = \"db\"\n"),
    ]);
    let file = folder.path().join("app/pilotlight.toml");
    let text = whole(&file, &[]).unwrap();
    let stack = stack(&folder, &[]);
    let keys = resolved(&stack.file, &text, &environment()).unwrap();
    let told: Vec<String> = keys
        .iter()
        .map(|key| {
            let file = Path::new(&key.file).file_name().unwrap().to_str().unwrap();
            let service = key.service.as_deref().unwrap_or("-");
            format!("{service} {} = {} {file}:{}", key.key, key.value, key.line)
        })
        .collect();
    assert_eq!(
        told,
        [
            "- name = \"shop\" pilotlight.toml:1",
            "web restart = \"never\" pilotlight.toml:4",
            "web command = \"web --api-key ***\" pilotlight.toml:7",
            "web port = 2 pilotlight.local.toml:3",
            "web env.API_TOKEN = \"***\" pilotlight.local.toml:4",
            "db command = \"db\" infra.toml:3",
        ]
    );
}
