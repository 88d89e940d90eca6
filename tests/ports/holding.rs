//! Sockets that block a claim, and sockets that do not.

use std::{
    net::{TcpListener, TcpStream},
    process::Command,
    time::Duration,
};

use pilotlight::{
    effects::port::{Ports, free, holders, verify_free},
    host::clock,
    model::facts::{Claimed, PortFault},
    stack::{Port, PortConflict},
};

use super::stand::{Listener, PATIENCE, free_port, is_root, mark, pids, request, running, taken};

#[tokio::test]
async fn a_free_port_is_claimed_without_stopping_a_process() {
    let port = free_port();
    let claimed = Ports::default().claim(&request(port)).await.unwrap();
    let ended = Vec::new();
    assert_eq!(claimed, Claimed { port, ended });
}

#[tokio::test]
async fn a_listener_is_stopped_on_every_address_of_the_service() {
    for addresses in ["127.0.0.1", "::1", "0.0.0.0", "::", "127.0.0.1,::1"] {
        let mut listener = Listener::start(addresses, &[]);
        let claimed = Ports::default()
            .claim(&request(listener.port))
            .await
            .unwrap();
        assert_eq!(pids(&claimed.ended), [listener.pid()], "{addresses}");
        assert!(!listener.lives(), "{addresses}");
    }
}

#[tokio::test]
async fn a_listener_on_an_address_that_no_service_uses_is_left_alone() {
    let mut listener = Listener::start("127.0.0.2", &[]);
    let mut request = request(listener.port);
    let claimed = Ports::default().claim(&request).await.unwrap();
    assert_eq!(claimed.ended, []);
    assert!(listener.lives());

    request.host = Some("0.0.0.0".to_owned());
    let claimed = Ports::default().claim(&request).await.unwrap();
    assert_eq!(pids(&claimed.ended), [listener.pid()]);
}

#[tokio::test]
async fn an_unknown_host_leaves_the_loopback_addresses() {
    let mut listener = Listener::start("127.0.0.1", &[]);
    let mut request = request(listener.port);
    for host in [
        "192.0.2.1",
        "[::1]",
        "no-such-host.invalid",
        "localhost",
        "",
    ] {
        request.host = Some(host.to_owned());
        request.conflict = PortConflict::Fail;
        let fault = Ports::default().claim(&request).await.unwrap_err();
        assert_eq!(taken(fault).0.process.pid, listener.pid(), "{host}");
    }
    assert!(listener.lives());
}

#[tokio::test]
async fn connections_left_by_a_server_do_not_block_a_claim() {
    let mut server = Listener::start("127.0.0.1", &["serve"]);
    let connection = TcpStream::connect(("127.0.0.1", server.port.number())).unwrap();
    server.wait();
    drop(connection);
    let claimed = Ports::default().claim(&request(server.port)).await.unwrap();
    assert_eq!(claimed.ended, []);
}

#[tokio::test]
async fn a_bound_socket_that_does_not_listen_blocks_a_claim() {
    let mut bound = Listener::start("127.0.0.1", &["bind"]);
    let fault = Ports::default()
        .claim(&request(bound.port))
        .await
        .unwrap_err();
    assert!(matches!(fault, PortFault::Lingering { .. }), "{fault:?}");
    assert!(bound.lives());
}

#[tokio::test]
async fn a_client_that_connects_from_the_port_is_not_its_holder() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let port = Port::new(client.local_addr().unwrap().port()).unwrap();
    let fault = Ports::default().claim(&request(port)).await.unwrap_err();
    assert!(matches!(fault, PortFault::Lingering { .. }), "{fault:?}");
    assert_eq!(holders(port).await.unwrap(), []);
}

#[tokio::test]
async fn a_port_that_needs_privileges_is_excluded() {
    let lowest = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if !is_root() || lowest.is_ok_and(|lowest| lowest.trim() == "0") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = super::rules::claimant(&folder);
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program)
        .args(super::rules::CLAIMANT)
        .arg("1")
        .output()
        .unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    assert!(output.contains("Excluded"), "{output}");
}

#[tokio::test]
async fn holders_are_described_completely_without_secrets() {
    let listener = Listener::start("127.0.0.1,::1", &["--token", "hunter2", "--db-password=x1"]);
    let found = holders(listener.port).await.unwrap();
    assert_eq!(pids(&found), [listener.pid()]);
    let holder = &found[0];
    assert!(holder.name.starts_with("python3"), "{holder:?}");
    assert_eq!(holder.addresses.len(), 2);
    let line = holder.command_line.as_ref().unwrap();
    assert!(
        line.ends_with("127.0.0.1,::1 --token *** --db-password=***"),
        "{line}"
    );
    let now = clock::now().wall;
    assert!(now.duration_since(holder.since.unwrap()).unwrap() < Duration::from_mins(1));
    assert!(holder.user.is_some());
    assert_eq!(holder.mark, None);
}

#[tokio::test]
async fn all_processes_that_share_a_socket_are_named_and_stopped_the_ancestor_first() {
    let mut listener = Listener::start("127.0.0.1", &["fork"]);
    let found = holders(listener.port).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].process.pid, listener.pid());
    let claimed = Ports::default()
        .claim(&request(listener.port))
        .await
        .unwrap();
    assert_eq!(pids(&claimed.ended), pids(&found));
    assert!(!listener.lives());
}

#[tokio::test]
async fn a_process_that_left_the_tree_with_the_socket_is_stopped_too() {
    let mut listener = Listener::start("127.0.0.1", &["orphan"]);
    let claimed = Ports::default()
        .claim(&request(listener.port))
        .await
        .unwrap();
    assert_eq!(claimed.ended.len(), 2);
    assert!(pids(&claimed.ended).contains(&listener.pid()));
    assert!(!listener.lives());
}

#[tokio::test]
async fn next_takes_the_first_free_port_that_no_other_service_declares() {
    let mut listener = Listener::start("127.0.0.1", &[]);
    let mut request = request(listener.port);
    request.conflict = PortConflict::Next;
    let first = Ports::default().claim(&request).await.unwrap();
    assert_eq!(first.ended, []);
    assert!(first.port > listener.port);

    request.reserved.insert(first.port);
    let second = Ports::default().claim(&request).await.unwrap();
    assert!(second.port > first.port);
    assert!(listener.lives());
}

#[tokio::test]
async fn next_stops_at_the_last_port() {
    let last = Port::new(65_535).unwrap();
    let _listener = TcpListener::bind("127.0.0.1:65535").unwrap();
    let mut request = request(last);
    request.conflict = PortConflict::Next;
    let fault = Ports::default().claim(&request).await.unwrap_err();
    assert_eq!(fault, PortFault::NoneFree);
}

#[tokio::test]
async fn of_two_claims_at_once_one_gets_the_port() {
    let ports = Ports::default();
    let listener = Listener::start("127.0.0.1", &[]);
    let first = request(listener.port);
    let mut second = first.clone();
    second.mark = mark("nexus", "frontend", 3);
    let (one, other) = tokio::join!(ports.claim(&first), ports.claim(&second));
    assert_eq!(pids(&one.unwrap().ended), [listener.pid()]);
    let protected = Some(running(&first.mark));
    let holder = None;
    assert_eq!(other.unwrap_err(), PortFault::Taken { holder, protected });

    second.requester.running = [first.mark.clone()].into_iter().collect();
    second.conflict = PortConflict::Next;
    let beside = ports.claim(&second).await.unwrap();
    assert!(beside.port > first.port);

    second.requester.running.remove(&first.mark);
    let after = ports.claim(&second).await.unwrap();
    assert_eq!(after.port, first.port);
}

#[tokio::test]
async fn a_cancelled_claim_releases_the_port() {
    let ports = Ports::default();
    let mut listener = Listener::start("127.0.0.1", &["stubborn"]);
    let first = request(listener.port);
    let claim = ports.claim(&first);
    tokio::time::timeout(Duration::from_millis(50), claim)
        .await
        .unwrap_err();

    let mut second = first.clone();
    second.mark = mark("nexus", "frontend", 3);
    let claimed = ports.claim(&second).await.unwrap();
    assert_eq!(claimed.port, first.port);
    assert!(!listener.lives());
}

#[tokio::test]
async fn freeing_a_port_stops_its_listener() {
    for addresses in ["127.0.0.1", "127.0.0.2"] {
        let mut listener = Listener::start(addresses, &[]);
        let ended = free(
            listener.port,
            &pilotlight::effects::port::Requester::default(),
        )
        .await;
        assert_eq!(pids(&ended.unwrap()), [listener.pid()], "{addresses}");
        assert!(!listener.lives(), "{addresses}");
    }
    let none = free(
        free_port(),
        &pilotlight::effects::port::Requester::default(),
    )
    .await;
    assert_eq!(none.unwrap(), []);
}

#[tokio::test]
async fn a_freed_port_is_noticed_at_once() {
    let listener = Listener::start("127.0.0.1", &[]);
    let port = listener.port;
    assert!(!verify_free(port, None, Duration::from_millis(30)).await);
    let waiting = tokio::spawn(async move { verify_free(port, None, PATIENCE).await });
    tokio::task::yield_now().await;
    drop(listener);
    assert!(waiting.await.unwrap());
}
