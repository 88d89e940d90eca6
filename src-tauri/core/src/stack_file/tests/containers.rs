//! Services that run in containers.

use super::*;
use crate::stack::{Container, ContainerSource, Piece, Port, Probe};

fn container(text: &str, service: &str) -> Container {
    let stack = parse_text(text).unwrap_or_else(|report| panic!("{report:?}"));
    let service = stack.service(&service.into()).expect("a service");
    assert!(service.command.is_none() && !service.is_external());
    (**service.container.as_ref().expect("a container")).clone()
}

#[test]
fn a_service_of_a_compose_file_has_a_short_and_a_long_form() {
    let compose = |files: &[&str], service: &str, profiles: &[&str]| ContainerSource::Compose {
        files: files.iter().map(Into::into).collect(),
        service: service.to_owned(),
        profiles: profiles
            .iter()
            .map(|profile| (*profile).to_owned())
            .collect(),
    };
    let short = container("[service.data]\ncompose = \"db\"", "data");
    assert_eq!(short.source, compose(&[], "db", &[]));
    assert_eq!(short.docker_context, None);
    let long = "docker_context = \"desktop\"\n[service.db]\ncompose = { file = \"infra/compose.yaml\", profile = [\"dev\"] }";
    let long = container(long, "db");
    let file = Path::new("/work/nexus").join("infra/compose.yaml");
    let file = file.to_str().expect("a path");
    assert_eq!(long.source, compose(&[file], "db", &["dev"]));
    assert_eq!(long.docker_context.as_deref(), Some("desktop"));
}

#[test]
fn a_container_publishes_the_port_of_its_service_by_default() {
    let ports = |text: &str| match container(text, "search").source {
        ContainerSource::Image { ports, .. } => ports.into_iter().map(Port::number).collect(),
        ContainerSource::Compose { .. } => Vec::new(),
    };
    let usual = "[service.search]\nport = 9200\ncontainer = { image = \"opensearch:2\" }";
    assert_eq!(ports(usual), [9200]);
    let other = "[service.search]\nport = 9201\ncontainer = { image = \"opensearch:2\", ports = [9200, 9600] }";
    assert_eq!(ports(other), [9200, 9600]);
}

#[test]
fn volumes_are_relative_to_the_stack_file_and_variables_of_both_tables_are_merged() {
    let text = "[service.db]\nenv = { A = \"1\", B = \"1\" }\ncontainer = { image = \"db:1\", env = { B = \"2\" }, volumes = [\"data:/data\", \"./conf:/conf:ro\"], args = \"--port 1\" }";
    let ContainerSource::Image { volumes, args, .. } = container(text, "db").source else {
        panic!("an image");
    };
    let folder: std::path::PathBuf = Path::new("/work/nexus/conf").components().collect();
    assert_eq!(
        volumes,
        [
            "data:/data".to_owned(),
            format!("{}:/conf:ro", folder.display())
        ]
    );
    assert_eq!(args.len(), 2);
    let stack = parse_text(text).unwrap();
    let env = &stack.services[0].env;
    let value = |name: &str| env[name].to_string();
    assert_eq!([value("A"), value("B")], ["1", "2"]);
}

#[test]
fn other_services_can_use_ports_chosen_by_the_engine() {
    let text = "[service.db]\ncompose = \"db\"\n[service.web]\ncommand = \"web {db.port} {db.port.5432}\"\nneeds = \"db\"";
    let stack = parse_text(text).unwrap();
    assert_eq!(stack.services[0].ready.probes, [Probe::Container]);
    let Some(crate::stack::Command::Argv(words)) = &stack.services[1].command else {
        panic!("a command");
    };
    let inside = Port::new(5432).unwrap();
    assert_eq!(words[2].pieces(), [Piece::Published("db".into(), inside)]);
    assert_eq!(words[2].to_string(), "{db.port.5432}");
    let plain = "[service.db]\ncommand = \"db\"\nport = 5432\n[service.web]\ncommand = \"web {db.port.5432}\"";
    let report = parse_text(plain).unwrap_err();
    assert_eq!(
        *report.problems()[0].kind(),
        ProblemKind::NoPort("db".into())
    );
}

#[test]
fn keys_that_the_engine_decides_cannot_be_set_for_a_container() {
    let keys = |text: &str| {
        let report = parse_text(text).unwrap_err();
        let kinds = report
            .problems()
            .iter()
            .map(|problem| match problem.kind() {
                ProblemKind::NoEffect { key, .. } => (*key).to_owned(),
                other => other.to_string(),
            });
        kinds.collect::<Vec<_>>()
    };
    let compose =
        "[service.db]\ncompose = \"db\"\ncommand = \"db\"\nhost = \"0.0.0.0\"\nkeep = [\"x\"]";
    assert_eq!(keys(compose), ["command", "host", "keep"]);
    let both = "[service.db]\ncompose = \"db\"\ncontainer = { image = \"db\" }";
    assert_eq!(keys(both), ["`container` and `compose` cannot be combined"]);
    let external = "[service.db]\nexternal = true\nport = 1\ncompose = \"db\"";
    assert_eq!(
        keys(external),
        ["`compose` cannot be combined with `external = true`"]
    );
}
