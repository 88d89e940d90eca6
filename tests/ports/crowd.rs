//! Many processes at once.

use std::{collections::BTreeMap, process::Command, time::Duration};

use pilotlight::{
    effects::port::{Ports, holders},
    host::clock,
    model::facts::Mark,
    stack::{Mode, PortConflict},
};

use super::stand::{Listener, PYTHON, is_root, mark, pids, request};

/// A kind of holder, and whether a claim of `nexus/backend` may stop it in development by force.
const KINDS: [(&str, bool); 6] = [
    ("stranger", true),
    ("stubborn stranger", true),
    ("leftover", true),
    ("running service", false),
    ("other stack", false),
    ("other user", false),
];

fn start(kind: &str, running: &Mark) -> Listener {
    match kind {
        "stranger" => Listener::start("0.0.0.0", &["fork"]),
        "stubborn stranger" => Listener::start("127.0.0.1", &["stubborn"]),
        "leftover" => Listener::marked(&mark("nexus", "backend", 2), &[]),
        "running service" => Listener::marked(running, &[]),
        "other stack" => Listener::marked(&mark("other", "web", 1), &[]),
        "other user" => Listener::of_another_user(),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn claims_stop_no_process_outside_the_rules() {
    let running = mark("nexus", "redis", 4);
    for mode in [Mode::Development, Mode::Production] {
        for conflict in [
            PortConflict::Replace,
            PortConflict::Force,
            PortConflict::Fail,
            PortConflict::Next,
        ] {
            let mut crowd: Vec<_> = KINDS
                .iter()
                .filter(|(kind, _)| *kind != "other user" || is_root())
                .map(|&(kind, may_end)| (kind, may_end, start(kind, &running)))
                .collect();
            let ports = Ports::default();
            let mut claims = tokio::task::JoinSet::new();
            for (at, (kind, _, listener)) in crowd.iter().enumerate() {
                let mut request = request(listener.port);
                (request.mode, request.conflict) = (mode, conflict);
                request.mark.service = format!("backend-{at}").as_str().into();
                request.requester.running = [running.clone()].into_iter().collect();
                let (kind, ports) = (*kind, ports.clone());
                claims.spawn(async move { (kind, ports.claim(&request).await) });
            }
            let results: BTreeMap<_, _> = claims.join_all().await.into_iter().collect();
            for (kind, may_end, listener) in &mut crowd {
                let allowed = *may_end
                    && mode == Mode::Development
                    && (conflict == PortConflict::Force || *kind == "leftover");
                let result = &results[kind];
                assert_eq!(
                    listener.lives(),
                    !allowed,
                    "{kind} {mode:?} {conflict:?} {result:?}"
                );
                let ended = result.as_ref().map(|claimed| pids(&claimed.ended));
                let ended = ended.unwrap_or_default();
                assert_eq!(
                    ended.contains(&listener.pid()),
                    allowed,
                    "{kind} {result:?}"
                );
            }
        }
    }
}

/// Prints the time to find a holder among 1,000 processes with 10,000 sockets. Run it with
/// `--release --ignored --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
async fn the_holder_is_found_among_a_thousand_processes() {
    const CROWD: &str = "
import os, signal, socket, sys
for at in range(1000):
    if os.fork() == 0:
        held = [socket.create_server(('127.0.0.1', 0)) for _ in range(10)]
        os.write(1, b'%d\\n' % held[0].getsockname()[1])
        signal.pause()
signal.pause()
";
    let mut python = Command::new(PYTHON);
    python.args(["-c", CROWD]);
    let mut crowd = Listener::of(&mut python);
    for _ in 1..1000 {
        crowd.line();
    }
    let mut times: Vec<_> = Vec::new();
    for _ in 0..21 {
        let begin = clock::now().instant;
        let found = holders(crowd.port).await.unwrap();
        times.push(begin.elapsed());
        assert_eq!(found.len(), 1);
    }
    println!("first {:?}", times[0]);
    times.sort_unstable();
    println!("median {:?}", times[times.len() / 2]);
    assert!(times[0] < Duration::from_secs(1));
}
