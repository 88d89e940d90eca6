use std::collections::BTreeMap;

use super::*;
use crate::{
    model::{
        facts::RunId,
        finding::{Code, Remedy},
    },
    stack::{Mode, Port},
};

fn service(name: &str, phase: PhaseName, light: Light) -> ServiceView {
    ServiceView {
        name: name.into(),
        phase,
        light,
        pid: None,
        port: Port::new(8001),
        since: None,
        restarts: 0,
        latency_ms: None,
        cpu_percent: None,
        memory_bytes: None,
        waiting_for: Vec::new(),
        last_exit: None,
        adopted: false,
        external: false,
        run: Some(RunId(1)),
        started: None,
        needs: Vec::new(),
        links: BTreeMap::from([("docs".to_owned(), "http://localhost:8001/docs".to_owned())]),
        finding: None,
        note: None,
    }
}

fn stack(name: &str, services: Vec<ServiceView>) -> Arc<StackView> {
    Arc::new(StackView {
        name: name.into(),
        file: format!("/srv/{name}/pilotlight.toml").into(),
        mode: Mode::Development,
        light: services
            .iter()
            .map(|service| service.light)
            .max()
            .unwrap_or_default(),
        services: services.into_iter().map(Arc::new).collect(),
        findings: Vec::new(),
    })
}

fn off() -> ServiceView {
    service("backend", PhaseName::Stopped, Light::Off)
}

fn ready(name: &str) -> ServiceView {
    service(name, PhaseName::Ready, Light::Green)
}

fn shown(stacks: Vec<Arc<StackView>>) -> Tray {
    tray(&Snapshot { stacks }, false)
}

/// The menu as a person sees it: `-` before what is disabled, `v` before what is on.
fn read(entries: &[Entry]) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        match entry {
            Entry::Text(text) => lines.push(format!("  {text}")),
            Entry::Separator => lines.push("  ---".into()),
            Entry::Item { text, enabled, .. } => {
                lines.push(format!("{} {text}", if *enabled { ' ' } else { '-' }));
            }
            Entry::Check { text, checked, .. } => {
                lines.push(format!("{} {text}", if *checked { 'v' } else { ' ' }));
            }
            Entry::Submenu { text, entries } => {
                lines.push(format!("  {text} >"));
                lines.extend(read(entries).into_iter().map(|line| format!("    {line}")));
            }
        }
    }
    lines
}

#[test]
fn a_click_starts_the_only_stack_if_it_is_off_and_opens_the_window_otherwise() {
    let one = shown(vec![stack("nexus", vec![off()])]);
    assert_eq!(
        one.click,
        Choice::Start(Target {
            file: "/srv/nexus/pilotlight.toml".into(),
            service: None
        })
    );
    for stacks in [
        vec![],
        vec![stack("nexus", vec![])],
        vec![stack("nexus", vec![ready("backend")])],
        vec![stack("nexus", vec![off()]), stack("other", vec![off()])],
    ] {
        assert_eq!(shown(stacks).click, Choice::OpenWindow);
    }
}

#[test]
fn the_menu_of_a_stack_disables_what_makes_no_sense() {
    let tray = shown(vec![stack("nexus", vec![ready("redis"), off()])]);
    assert_eq!(
        read(&tray.menu),
        [
            "  nexus: 1 of 2 ready",
            "  ",
            "  Start",
            "  Stop",
            "  Restart",
            "  ---",
            "  redis: ready, port 8001 >",
            "    - Start",
            "      Stop",
            "      Restart",
            "      Open docs",
            "      Show log",
            "  backend: off, port 8001 >",
            "      Start",
            "    - Stop",
            "    - Restart",
            "    - Open docs",
            "      Show log",
            "  ---",
            "  Open Pilot Light",
            "  Start at login",
            "  Quit",
        ]
    );
}

#[test]
fn where_no_link_is_declared_the_page_of_the_port_is_offered() {
    let mut plain = ready("backend");
    plain.links.clear();
    let mut watched = ServiceView {
        external: true,
        ..plain.clone()
    };
    let labels = |service: &ServiceView| {
        let pages = pages(service).into_iter();
        pages.map(|(_, label)| label).collect::<Vec<_>>()
    };
    assert_eq!(pages(&plain), [("Open port 8001".to_owned(), None)]);
    assert_eq!(labels(&watched), []);
    plain.port = None;
    assert_eq!(labels(&plain), []);
    watched.links = ready("backend").links;
    assert_eq!(labels(&watched), [Some("docs".to_owned())]);
}

#[test]
fn several_stacks_have_a_menu_each_and_show_their_worst_light() {
    let failed = service("backend", PhaseName::Failed, Light::Red);
    let tray = shown(vec![
        stack("nexus", vec![ready("a"), ready("b")]),
        stack("other", vec![failed]),
    ]);
    assert_eq!(tray.light, Light::Red);
    assert_eq!(tray.title, "Pilot Light");
    let submenus: Vec<&str> = tray
        .menu
        .iter()
        .filter_map(|entry| match entry {
            Entry::Submenu { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(submenus, ["nexus: all 2 ready", "other: 0 of 1 ready"]);
}

#[test]
fn the_shape_of_the_menu_stays_while_states_change() {
    let shape = |services: Vec<ServiceView>| {
        let tray = shown(vec![stack("nexus", services)]);
        read(&tray.menu).len()
    };
    let mut failed = service("backend", PhaseName::Failed, Light::Red);
    failed.finding = Some(Arc::new(port_taken()));
    assert_eq!(shape(vec![off()]), shape(vec![failed]));
}

fn port_taken() -> Finding {
    Finding {
        code: Code::PortTaken,
        service: "backend".into(),
        title: "Port 8001 is taken by node (pid 4242)".into(),
        evidence: Vec::new(),
        symptoms: Vec::new(),
        remedy: Remedy {
            text: "".into(),
            action: None,
        },
    }
}

#[test]
fn trouble_is_told_in_a_sentence_that_names_the_service_once() {
    let told = |phase, title: &str| {
        let mut failed = service("backend", phase, Light::Red);
        let finding = Finding {
            title: title.into(),
            ..port_taken()
        };
        failed.finding = Some(Arc::new(finding));
        trouble(&stack("nexus", vec![failed])).unwrap()
    };
    assert_eq!(
        told(PhaseName::Blocked, "Port 8001 is taken by node (pid 4242)"),
        "backend is blocked: port 8001 is taken by node (pid 4242)"
    );
    assert_eq!(
        told(PhaseName::Failed, "Backend ended with code 1"),
        "backend ended with code 1"
    );
    assert_eq!(
        told(PhaseName::Unhealthy, "GET /health answers 500"),
        "backend is unhealthy: GET /health answers 500"
    );
}

#[test]
fn the_tooltip_has_the_counts_and_the_first_finding() {
    let mut failed = service("backend", PhaseName::Failed, Light::Red);
    failed.finding = Some(Arc::new(port_taken()));
    let tray = shown(vec![stack("nexus", vec![ready("redis"), failed])]);
    assert_eq!(tray.title, "nexus");
    assert_eq!(
        tray.tooltip,
        "1 of 2 ready\nbackend failed: port 8001 is taken by node (pid 4242)"
    );
}
