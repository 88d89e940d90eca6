use std::collections::BTreeMap;

use super::*;
use crate::{
    model::{
        facts::RunId,
        finding::{Code, Finding, Remedy},
        view::StartedBy,
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
        ports: BTreeMap::new(),
        container: None,
        since: None,
        restarts: 0,
        latency_ms: None,
        cpu_percent: None,
        memory_bytes: None,
        waiting_for: Vec::new(),
        last_exit: None,
        adopted: false,
        external: false,
        task: false,
        next_run: None,
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
        profiles: Vec::new(),
        started_by: None,
        checkout: None,
    })
}

fn off() -> ServiceView {
    service("backend", PhaseName::Stopped, Light::Off)
}

fn ready(name: &str) -> ServiceView {
    service(name, PhaseName::Ready, Light::Green)
}

#[test]
fn a_task_is_run_from_its_menu_and_an_idle_one_does_not_count() {
    let mut task = service("migrate", PhaseName::Stopped, Light::Off);
    task.task = true;
    task.links.clear();
    task.port = None;
    let tray = shown(vec![stack("nexus", vec![ready("backend"), task])]);
    let menu = read(&tray.menu);
    assert!(menu[0].contains("nexus: ready"), "{menu:?}");
    let place = menu
        .iter()
        .position(|line| line.contains("migrate: not run"));
    let run = menu[place.unwrap() + 1].trim();
    assert_eq!(run, "Run", "{menu:?}");
}

#[test]
fn the_menu_names_the_checkout_of_a_stack_and_the_agent_that_started_it() {
    let mut own = stack("nexus", vec![ready("backend")]);
    let view = Arc::make_mut(&mut own);
    view.checkout = Some("feature-x".to_owned());
    view.started_by = Some(StartedBy {
        client: "Claude Code".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    });
    let line = |own: &Arc<StackView>| read(&shown(vec![own.clone()]).menu)[0].clone();
    assert_eq!(
        line(&own),
        "  nexus · feature-x: ready, started by Claude Code"
    );
    let view = Arc::make_mut(&mut own);
    view.light = Light::Off;
    view.services = vec![Arc::new(off())];
    assert_eq!(line(&own), "  nexus · feature-x: stopped");
}

fn shown(stacks: Vec<Arc<StackView>>) -> Tray {
    tray(
        &Snapshot { stacks },
        &Settings::default(),
        Timestamp::UNIX_EPOCH,
    )
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
fn the_menu_of_a_stack_disables_what_makes_no_sense() {
    let tray = shown(vec![stack("nexus", vec![ready("redis"), off()])]);
    assert_eq!(
        read(&tray.menu),
        [
            "  nexus: 1 of 2 ready",
            "- ",
            "  Open docs",
            "- Open docs",
            "  ---",
            "  Stop nexus",
            "  Restart nexus",
            "  ---",
            "  redis: ready >",
            "    - Start",
            "      Stop",
            "      Restart",
            "      Open docs",
            "      Show log",
            "  backend: stopped >",
            "      Start",
            "    - Stop",
            "    - Restart",
            "    - Open docs",
            "      Show log",
            "  ---",
            "  Open Pilot Light",
            "  Mute notifications for an hour",
            "  Start at login",
            "  Quit",
        ]
    );
}

#[test]
fn a_stopped_stack_is_started_and_a_running_one_is_stopped_by_the_same_item() {
    let texts = |services| read(&shown(vec![stack("nexus", services)]).menu);
    let stopped = texts(vec![off()]);
    assert!(stopped.contains(&"  Start nexus".to_owned()), "{stopped:?}");
    assert!(
        stopped.contains(&"- Restart nexus".to_owned()),
        "{stopped:?}"
    );
    let running = texts(vec![ready("backend")]);
    assert!(running.contains(&"  Stop nexus".to_owned()), "{running:?}");
}

#[test]
fn without_a_stack_the_menu_offers_to_add_one() {
    assert_eq!(read(&shown(vec![]).menu)[0], "  Add project folder…");
}

#[test]
fn the_page_of_the_port_is_offered_if_no_link_is_declared() {
    let label = |service: &ServiceView| {
        let stack = stack("nexus", vec![service.clone()]);
        let page = port_page(&stack, service);
        page.map(|entry| read(&[entry]).concat())
    };
    let with_links = ready("backend");
    assert_eq!(label(&with_links), None);
    let plain = ServiceView {
        links: BTreeMap::new(),
        ..with_links
    };
    assert_eq!(label(&plain).as_deref(), Some("  Open port 8001"));
    let external = ServiceView {
        external: true,
        ..plain.clone()
    };
    assert_eq!(label(&external), None);
    let without_port = ServiceView {
        port: None,
        ..plain
    };
    assert_eq!(label(&without_port), None);
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
    assert_eq!(
        submenus,
        ["nexus: all 2 ready", "other: 0 of 1 ready, backend failed"]
    );
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
        since: None,
        evidence: Vec::new(),
        symptoms: Vec::new(),
        remedy: Remedy {
            text: "".into(),
            action: None,
        },
    }
}

#[test]
fn a_problem_is_an_item_that_names_the_service_once_and_shows_it() {
    let item = |title: &str| {
        let mut failed = service("backend", PhaseName::Failed, Light::Red);
        let finding = Finding {
            title: title.into(),
            since: None,
            ..port_taken()
        };
        failed.finding = Some(Arc::new(finding));
        stack_menu(&stack("nexus", vec![failed])).swap_remove(1)
    };
    let shows = |text: &str| Entry::Item {
        text: text.into(),
        choice: Choice::Show {
            file: "/srv/nexus/pilotlight.toml".into(),
            service: "backend".into(),
        },
        enabled: true,
    };
    assert_eq!(
        item("Port 8001 is in use by node (PID 4242)"),
        shows("backend: Port 8001 is in use by node (PID 4242)")
    );
    assert_eq!(item("backend is unhealthy"), shows("backend is unhealthy"));
}

#[test]
fn no_stack_under_an_amber_icon_is_all_ready() {
    let failing = service("backend", PhaseName::Ready, Light::Amber);
    let tray = shown(vec![stack("nexus", vec![ready("redis"), failing])]);
    assert_eq!(tray.light, Light::Amber);
    assert_eq!(tray.tooltip, "1 of 2 ready, backend check failing");
}

#[test]
fn the_tooltip_has_the_counts_and_the_first_finding() {
    let mut failed = service("backend", PhaseName::Failed, Light::Red);
    failed.finding = Some(Arc::new(port_taken()));
    let tray = shown(vec![stack("nexus", vec![ready("redis"), failed])]);
    assert_eq!(tray.title, "nexus");
    assert_eq!(
        tray.tooltip,
        "1 of 2 ready, backend failed\nbackend: Port 8001 is taken by node (pid 4242)"
    );
}

#[test]
fn a_mute_ends_by_itself() {
    let now = Timestamp::UNIX_EPOCH;
    let settings = Settings::default().muted(true, now);
    let is_ticked = |now| {
        let tray = tray(&Snapshot::default(), &settings, now);
        let mut entries = tray.menu.into_iter();
        entries.any(|entry| {
            let Entry::Check { text, checked, .. } = entry else {
                return false;
            };
            text.starts_with("Mute") && checked
        })
    };
    assert!(is_ticked(now));
    assert!(!is_ticked(settings.muted_until.unwrap()));
}
