//! Measures the cost of diagnosing a large stack, without gathering the evidence:
//! `cargo run --release -p pilotlight --example diagnose_thousand [SERVICES]`.

use std::{env, fmt::Write as _, path::Path, sync::Arc, time::Duration};

use pilotlight::{
    diagnose::{
        diagnose,
        evidence::{Evidence, HostEvidence, ServiceEvidence},
    },
    host::clock,
    model::{facts::Exit, view::PhaseName},
    stack::Stack,
    stack_file,
};

type Change = fn(usize, &mut ServiceEvidence);

fn main() {
    let services = env::args().nth(1).and_then(|count| count.parse().ok());
    let services = services.unwrap_or(1000);
    let cases: [(&str, Change); 3] = [
        ("a chain that waits for one that starts", |place, is| {
            (is.phase, is.wanted) = match place {
                0 => (PhaseName::Starting, true),
                _ => (PhaseName::Stopped, true),
            };
        }),
        ("a chain that waits for one that ended", |place, is| {
            (is.phase, is.wanted) = match place {
                0 => (PhaseName::Failed, true),
                _ => (PhaseName::Stopped, true),
            };
            is.last_exit = (place == 0).then_some(Exit::Code(1));
        }),
        ("a chain of which every service ended", |_, is| {
            (is.phase, is.wanted) = (PhaseName::Failed, true);
            is.last_exit = Some(Exit::Code(1));
        }),
    ];
    let stack = Arc::new(chain(services));
    for (name, change) in cases {
        let evidence = evidence(&stack, change);
        let began = clock::now().instant;
        let findings = diagnose(&evidence).len();
        let took = began.elapsed().as_secs_f64() * 1000.0;
        println!("{services} services, {name}: {took:.1} ms, {findings} findings");
    }
}

/// Returns a chain of services, each of which depends on the previous one.
fn chain(services: usize) -> Stack {
    let mut text = "name = 'chain'\n".to_owned();
    for place in 0..services {
        let need = place.checked_sub(1).map(|need| format!("'s{need}'"));
        let need = need.unwrap_or_default();
        let service = format!("[service.s{place}]\ncommand = 'x'\nneeds = [{need}]\n");
        write!(text, "{service}").expect("memory");
    }
    let file = Path::new("/project/pilotlight.toml");
    stack_file::parse(file, text.as_bytes(), &pilotlight::env::Env::new())
        .unwrap_or_else(|report| panic!("{report}"))
}

fn evidence(stack: &Arc<Stack>, change: Change) -> Evidence {
    let services = stack.services.iter().enumerate().map(|(place, service)| {
        let mut is = ServiceEvidence::unknown(service.name.clone());
        change(place, &mut is);
        is
    });
    Evidence {
        stack: stack.clone(),
        stack_text: None,
        at: clock::now().wall,
        took: Duration::ZERO,
        kept: true,
        other_daemon: None,
        services: services.collect(),
        host: HostEvidence::default(),
        within: None,
    }
}
