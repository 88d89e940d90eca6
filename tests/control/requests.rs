//! Requests, their answers, and watches.

use super::*;

#[tokio::test]
async fn every_request_is_carried_out_and_answered() {
    let house = House::new();
    let mut client = house.client().await;
    assert_eq!(client.daemon().version, env!("CARGO_PKG_VERSION"));
    assert_eq!(client.up(up("/srv/a.toml")).await.unwrap(), Outcome::Done);
    house.daemon.gate.notify_one();
    assert_eq!(client.down(down()).await.unwrap(), Outcome::Done);
    let restart = Restart {
        file: "/srv/a.toml".into(),
        services: vec!["redis".into()],
    };
    assert_eq!(
        client.restart(restart).await.unwrap(),
        Outcome::Failed {
            message: "[\"redis\"] did not start".to_owned(),
            findings: vec![finding()],
        }
    );
    assert_eq!(
        client.quit(true).await.unwrap(),
        Outcome::Refused("not now, true".to_owned())
    );
    assert_eq!(*client.status().await.unwrap(), snapshot("first"));
    assert_eq!(*client.usage().await.unwrap(), snapshot("measured"));
    for (file, found) in [
        ("/srv/pilotlight.toml", Some(vec![finding()])),
        ("/srv/other.toml", None),
    ] {
        let file = file.into();
        assert_eq!(
            client
                .doctor(Doctor {
                    file,
                    within_ms: None
                })
                .await
                .unwrap(),
            found
        );
    }
    assert_eq!(
        house.daemon.asked(),
        [
            "up /srv/a.toml [\"backend\"]",
            "down None true",
            "down is over",
            "quit true"
        ]
    );
    house.end().await;
}

#[tokio::test]
async fn paths_and_environments_arrive_byte_for_byte() {
    let house = House::new();
    let native = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let variables: Env = [
        (native(b"PLAIN"), native(b"value")),
        (
            native("ÜNICODE".as_bytes()),
            native("☀ \u{1F525}".as_bytes()),
        ),
        (native(b"LATIN\xe9"), native(b"\xff\xfe\x80")),
        (native(b"LINES"), native(b"one\ntwo\r\n\t\"quoted\"\\\x01")),
        (native(b"EMPTY"), native(b"")),
        (native(b"LONG"), native(&vec![b'x'; 128 * 1024])),
        (native(b"LOOKS_LIKE_OURS"), native(br#"{"Unix":[1]}"#)),
    ]
    .into_iter()
    .collect();
    let request = Up {
        file: native(b"/srv/caf\xe9/pilotlight.toml").into(),
        environment: variables.clone(),
        services: vec![],
    };
    let outcome = house.client().await.up(request).await.unwrap();
    assert_eq!(outcome, Outcome::Done);
    let arrived = house.daemon.environment.lock().unwrap().take().unwrap();
    assert_eq!(arrived, variables);
    house.end().await;
}

#[tokio::test]
async fn a_client_that_supports_it_is_told_that_a_start_is_accepted() {
    let house = House::new();
    let request = "{\"up\":{\"file\":\"/srv/a.toml\",\"services\":[],\"environment\":[]}}\n";
    let knowing = hello().replace('}', ",\"hears_of_work\":true}");
    for (greeting, taken) in [(hello(), false), (knowing, true)] {
        let mut stream = house.raw().await;
        stream.write_all(greeting.as_bytes()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let said = last_words(stream).await;
        let said: Vec<&str> = said.lines().skip(1).collect();
        let mut expected = vec!["{\"outcome\":\"done\"}"];
        if taken {
            expected.insert(0, "\"taken\"");
        }
        assert_eq!(said, expected);
    }
    house.end().await;
}

#[tokio::test]
async fn a_start_that_the_daemon_breaks_off_was_accepted() {
    let house = House::new();
    let outcome = house.client().await.up(up("/srv/never.toml")).await;
    assert_eq!(outcome.unwrap(), Outcome::Ending { taken: true });
    house.end().await;
}

#[tokio::test]
async fn a_watch_reports_each_awaited_change() {
    let house = House::new();
    let mut watch = house.client().await.watch().await.unwrap();
    let first = soon(watch.next()).await.unwrap().unwrap();
    assert_eq!(*first, snapshot("first"));
    for change in 0..200 {
        let name = format!("change {change}");
        house.daemon.show(&name);
        let told = soon(watch.next()).await.unwrap().unwrap();
        assert_eq!(*told, snapshot(&name));
    }
    house.end().await;
}

/// Returns a stack of one service with this number of starts.
fn starting(times: usize) -> Snapshot {
    let service = serde_json::json!({
        "name": "web", "phase": "starting", "light": "amber", "restarts": times, "waiting_for": [],
        "adopted": false, "external": false, "needs": [], "links": {},
    });
    let mut snapshot = snapshot("first");
    let stack = Arc::make_mut(&mut snapshot.stacks[0]);
    stack.services = vec![serde_json::from_value(service).unwrap()];
    snapshot
}

#[tokio::test]
async fn many_changes_reach_a_watcher_frame_by_frame_and_completely() {
    let house = House::new();
    let mut watch = house.client().await.watch().await.unwrap();
    soon(watch.next()).await.unwrap().unwrap();
    let began = Instant::now();
    let storm = async {
        for times in 0..5000 {
            house
                .daemon
                .snapshot
                .send_replace(Arc::new(starting(times)));
            tokio::task::yield_now().await;
        }
        house.daemon.show("last");
    };
    let watching = async {
        for told in 1.. {
            let seen = soon(watch.next()).await.unwrap().unwrap();
            if *seen == snapshot("last") {
                return told;
            }
            assert_eq!(seen.stacks[0].services.len(), 1);
        }
        0
    };
    let ((), told) = tokio::join!(storm, watching);
    let frames = began.elapsed().as_millis() / 25;
    assert!(told <= frames + 3, "{told} messages in {frames} frames");
    house.end().await;
}

#[tokio::test]
async fn a_client_without_support_for_changes_gets_complete_snapshots() {
    let house = House::new();
    let mut wire = pilotlight::control::Wire::new(house.raw().await, 1 << 20);
    wire.send(&serde_json::json!({ "pilotlight": PROTOCOL, "version": "0.1.0" }))
        .await
        .unwrap();
    wire.send(&"watch").await.unwrap();
    let _: serde_json::Value = soon(wire.receive()).await.unwrap().unwrap();
    for name in ["first", "second"] {
        house.daemon.show(name);
        loop {
            let told: serde_json::Value = soon(wire.receive()).await.unwrap().unwrap();
            assert!(told.get("snapshot").is_some(), "{told}");
            if told["snapshot"]["stacks"][0]["name"] == name {
                break;
            }
        }
    }
    drop(wire);
    house.end().await;
}

#[tokio::test]
async fn a_watch_ends_with_its_daemon() {
    let house = House::new();
    let mut watch = house.client().await.watch().await.unwrap();
    soon(watch.next()).await.unwrap().unwrap();
    let (_folder, home) = house.end().await;
    assert!(soon(watch.next()).await.unwrap().is_none());
    assert!(matches!(
        Client::connect(&home).await,
        Err(ConnectError::NoDaemon)
    ));
}

#[tokio::test]
async fn a_watcher_that_does_not_read_delays_no_other_and_misses_only_earlier_states() {
    let house = House::new();
    let mut watch = house.client().await.watch().await.unwrap();
    let long = "x".repeat(100_000);
    for change in 0..200 {
        house.daemon.show(&format!("{change} {long}"));
        house.still_serves().await;
    }
    house.daemon.show("last");
    loop {
        let told = soon(watch.next()).await.unwrap().unwrap();
        if *told == snapshot("last") {
            break;
        }
    }
    house.end().await;
}

#[tokio::test]
async fn a_request_continues_after_its_client_disconnects() {
    let house = House::new();
    let mut client = house.client().await;
    tokio::select! {
        answer = client.down(down()) => panic!("answered before it was done: {answer:?}"),
        () = until(|| !house.daemon.asked().is_empty()) => {}
    }
    drop(client);
    house.still_serves().await;
    house.daemon.gate.notify_one();
    soon(house.daemon.over.notified()).await;
    house.end().await;
}

#[tokio::test]
async fn a_current_request_is_answered_before_the_daemon_exits() {
    let house = House::new();
    let mut client = house.client().await;
    let daemon = house.daemon.clone();
    let answer = tokio::spawn(async move { client.down(down()).await });
    until(|| !daemon.asked().is_empty()).await;
    house.stop.cancel();
    daemon.gate.notify_one();
    assert_eq!(soon(answer).await.unwrap().unwrap(), Outcome::Done);
    house.end().await;
}

#[tokio::test]
async fn a_stopping_daemon_leaves_no_request_waiting() {
    let house = House::new();
    let mut client = house.client().await;
    let daemon = house.daemon.clone();
    let answer = tokio::spawn(async move { client.down(down()).await });
    until(|| !daemon.asked().is_empty()).await;
    house.end().await;
    assert!(matches!(
        soon(answer).await.unwrap(),
        Err(ClientError::Closed)
    ));
}
