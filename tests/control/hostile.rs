//! Garbage, incomplete messages, floods and many clients.

use super::*;

#[tokio::test]
async fn garbage_gets_an_error_and_harms_no_other_client() {
    let house = House::new();
    for (sent, answer) in [
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
            "not the greeting",
        ),
        ("\0\0\0\0\n".to_owned(), "not the greeting"),
        ("[]\n".to_owned(), "not the greeting"),
        (
            "{\"pilotlight\":-1,\"version\":\"\"}\n".to_owned(),
            "not the greeting",
        ),
        (hello() + "{\"fly\":{}}\n", "cannot be parsed"),
        (hello() + "{\"up\":{\"file\":7}}\n", "cannot be parsed"),
        (hello() + &"[".repeat(100_000) + "\n", "cannot be parsed"),
        (hello() + "\"status\"\n\"stat", "is incomplete"),
        (
            "{\"pilotlight\":99,\"version\":\"9.0\"}\n".to_owned(),
            "the client is 9.0 (protocol 99)",
        ),
    ] {
        let mut stream = house.raw().await;
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let said = last_words(stream).await;
        let end = said.lines().last().unwrap();
        assert!(
            end.starts_with("{\"error\":\"") && end.contains(answer),
            "{said}"
        );
        house.still_serves().await;
    }
    house.end().await;
}

#[tokio::test]
async fn a_hundred_megabytes_without_an_end_are_cut_off() {
    let house = House::new();
    let mut stream = house.raw().await;
    let chunk = vec![b'x'; 1 << 20];
    let mut sent = 0;
    while sent < 100 && soon(stream.write_all(&chunk)).await.is_ok() {
        sent += 1;
    }
    assert!(sent < 16, "{sent} MiB were taken");
    assert!(last_words(stream).await.contains("exceeds 4194304 bytes"));
    house.still_serves().await;
    house.end().await;
}

#[tokio::test]
async fn a_too_long_environment_is_rejected_with_the_reason() {
    let house = House::new();
    let mut client = house.client().await;
    let mut request = up("/srv/a.toml");
    request.environment = [("LONG", "x".repeat(5 << 20))].into_iter().collect();
    match soon(client.up(request)).await {
        Err(ClientError::NotTaken(why)) => assert!(why.contains("4194304"), "{why}"),
        other => panic!("{other:?}"),
    }
    house.still_serves().await;
    house.end().await;
}

#[tokio::test]
async fn an_incomplete_message_times_out_after_ten_seconds() {
    let house = House::new();
    let mut stream = house.raw().await;
    let half = hello() + "{\"up\":{\"file\"";
    stream.write_all(half.as_bytes()).await.unwrap();
    house.still_serves().await;

    let mut patient = house.client().await;
    patient.status().await.unwrap();
    let began = Instant::now();
    assert!(last_words(stream).await.contains("no complete request"));
    assert!(began.elapsed() > Duration::from_secs(8));
    // An idle client that has sent a request is not disconnected.
    patient.status().await.unwrap();
    house.end().await;
}

/// Both ends of a thousand connections are in this process.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let enough = Some(4_096);
    assert!(maximum.is_none() || maximum >= enough, "raise `ulimit -Hn`");
    let current = enough;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_clients_at_once_are_all_served() {
    allow_many_files();
    let house = House::new();
    let clients: Vec<_> = (0..1_000)
        .map(|_| {
            let home = house.home.clone();
            tokio::spawn(async move { Client::connect(&home).await.unwrap().status().await })
        })
        .collect();
    for client in clients {
        soon(client).await.unwrap().unwrap();
    }
    house.still_serves().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_idle_connections_block_no_client() {
    allow_many_files();
    let house = House::new();
    let mut idle = Vec::new();
    for number in 0..1_000 {
        let mut stream = house.raw().await;
        if number % 2 == 0 {
            stream.write_all(hello().as_bytes()).await.unwrap();
        }
        idle.push(stream);
    }
    // The server is busy with the other clients, so a client that is rejected at first tries again.
    until_served(&house).await;
    for _ in 0..20 {
        house.still_serves().await;
    }
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_disconnected_clients_block_no_client() {
    allow_many_files();
    let house = House::new();
    let request = "{\"up\":{\"file\":\"/srv/slow.toml\",\"services\":[],\"environment\":[]}}\n";
    for number in 1..=600 {
        let mut stream = house.raw().await;
        stream
            .write_all((hello() + request).as_bytes())
            .await
            .unwrap();
        // It disconnects only while its request is being carried out.
        until(|| house.daemon.asked().len() == number).await;
    }
    house.still_serves().await;
    assert_eq!(
        soon(house.client().await.up(up("/srv/a.toml")))
            .await
            .unwrap(),
        Outcome::Done
    );
    house.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn down_and_status_are_served_while_all_seats_are_in_use() {
    allow_many_files();
    let house = House::new();
    let mut busy = Vec::new();
    for number in 0..256 {
        let mut client = house.client().await;
        if number % 2 == 0 {
            busy.push(tokio::spawn(async move {
                drop(client.up(up("/srv/slow.toml")).await);
            }));
        } else {
            busy.push(tokio::spawn(async move {
                let mut watch = client.watch().await.unwrap();
                while let Ok(Some(_)) = watch.next().await {}
            }));
        }
    }
    soon(async {
        loop {
            match house.client().await.up(up("/srv/a.toml")).await {
                Err(ClientError::NotTaken(why)) => break assert!(why.contains("256"), "{why}"),
                _ => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    house.still_serves().await;
    house.daemon.gate.notify_one();
    assert_eq!(
        soon(house.client().await.down(down())).await.unwrap(),
        Outcome::Done
    );
    // A seat is free when its client disconnects.
    busy.pop().unwrap().abort();
    soon(async {
        while house.client().await.up(up("/srv/a.toml")).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    for client in busy {
        client.abort();
    }
    house.end().await;
}
