use super::read;
use crate::diagnose::evidence::log::UnreachableWhy::{self, Lost, NoAnswer, Refused, UnknownHost};

fn said(text: &str) -> Vec<(String, UnreachableWhy)> {
    let unreachable = read(text).unreachable;
    unreachable
        .iter()
        .map(|address| (address.to_string(), address.why))
        .collect()
}

const SAID: &[(&str, &str, UnreachableWhy)] = &[
    (
        "Error: connect ECONNREFUSED 127.0.0.1:5432",
        "127.0.0.1:5432",
        Refused,
    ),
    (
        "    Error: connect ECONNREFUSED ::1:6379",
        "[::1]:6379",
        Refused,
    ),
    (
        "[ioredis] Unhandled error event: Error: connect ECONNREFUSED 127.0.0.1:6379",
        "127.0.0.1:6379",
        Refused,
    ),
    (
        "MongooseServerSelectionError: connect ECONNREFUSED 127.0.0.1:27017, connect ECONNREFUSED 127.0.0.1:27017",
        "127.0.0.1:27017",
        Refused,
    ),
    (
        "Error: connect ETIMEDOUT 10.0.0.7:5432",
        "10.0.0.7:5432",
        NoAnswer,
    ),
    ("Error: getaddrinfo ENOTFOUND db", "db", UnknownHost),
    (
        "Error: getaddrinfo EAI_AGAIN redis:6379",
        "redis:6379",
        UnknownHost,
    ),
    (
        "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
        "localhost:6379",
        Refused,
    ),
    (
        "redis.exceptions.ConnectionError: Error 10061 connecting to 127.0.0.1:6379. No connection could be made because the target machine actively refused it.",
        "127.0.0.1:6379",
        Refused,
    ),
    (
        "redis.exceptions.ConnectionError: Error -2 connecting to redis:6379. Name or service not known.",
        "redis:6379",
        UnknownHost,
    ),
    (
        "redis.exceptions.ConnectionError: Error while reading from 127.0.0.1:6379 : (104, 'Connection reset by peer')",
        "127.0.0.1:6379",
        Lost,
    ),
    (
        "ConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 5432)",
        "127.0.0.1:5432",
        Refused,
    ),
    (
        "psycopg.OperationalError: connection failed: connection to server at \"127.0.0.1\", port 5432 failed: Connection refused",
        "127.0.0.1:5432",
        Refused,
    ),
    (
        "psycopg2.OperationalError: connection to server at \"localhost\" (::1), port 5432 failed: Connection refused",
        "localhost:5432",
        Refused,
    ),
    (
        "\tIs the server running on host \"localhost\" (127.0.0.1) and accepting\n\tTCP/IP connections on port 5432?",
        "localhost:5432",
        Refused,
    ),
    (
        "psycopg2.OperationalError: could not translate host name \"db\" to address: Name or service not known",
        "db",
        UnknownHost,
    ),
    (
        "pymongo.errors.ServerSelectionTimeoutError: localhost:27017: [Errno 111] Connection refused (configured timeouts: socketTimeoutMS: 20000.0ms)",
        "localhost:27017",
        Refused,
    ),
    (
        "ERROR:pika.adapters.utils.io_services_utils:TCP Connection attempt failed: ConnectionRefusedError(111, 'Connection refused'); dest=(<AddressFamily.AF_INET: 2>, <SocketKind.SOCK_STREAM: 1>, 6, '', ('127.0.0.1', 5672))",
        "127.0.0.1:5672",
        Refused,
    ),
    (
        "[2026-11-20 10:00:00,000: ERROR/MainProcess] consumer: Cannot connect to amqp://guest:**@127.0.0.1:5672//: [Errno 111] Connection refused.",
        "127.0.0.1:5672",
        Refused,
    ),
    (
        "ERROR:kafka.conn:Connect attempt to <BrokerConnection node_id=bootstrap-0 host=localhost:9092 <connecting> [IPv4 ('127.0.0.1', 9092)]> returned error 111. Disconnecting.",
        "127.0.0.1:9092",
        Refused,
    ),
    (
        "%3|1763632800.000|FAIL|rdkafka#producer-1| [thrd:localhost:9092/bootstrap]: localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)",
        "127.0.0.1:9092",
        Refused,
    ),
    (
        "WARN org.apache.kafka.clients.NetworkClient - [AdminClient clientId=adminclient-1] Connection to node -1 (localhost/127.0.0.1:9092) could not be established. Broker may not be available.",
        "localhost:9092",
        Refused,
    ),
    (
        "2026/11/20 10:00:00 dial tcp 127.0.0.1:5432: connect: connection refused",
        "127.0.0.1:5432",
        Refused,
    ),
    (
        "dial tcp [::1]:6379: connect: connection refused",
        "[::1]:6379",
        Refused,
    ),
    (
        "dial tcp: lookup db on 127.0.0.53:53: no such host",
        "db",
        UnknownHost,
    ),
    (
        "dial tcp 10.0.0.7:5432: i/o timeout",
        "10.0.0.7:5432",
        NoAnswer,
    ),
    (
        "io.netty.channel.AbstractChannel$AnnotatedConnectException: Connection refused: localhost/127.0.0.1:6379",
        "localhost:6379",
        Refused,
    ),
    (
        "java.net.ConnectException: Connection refused: no further information: /127.0.0.1:6379",
        "127.0.0.1:6379",
        Refused,
    ),
    (
        "org.postgresql.util.PSQLException: Connection to localhost:5432 refused. Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections.",
        "localhost:5432",
        Refused,
    ),
    (
        "io.lettuce.core.RedisConnectionException: Unable to connect to localhost/<unresolved>:6379",
        "localhost:6379",
        UnknownHost,
    ),
    (
        "pymysql.err.OperationalError: (2003, \"Can't connect to MySQL server on 'localhost' ([Errno 111] Connection refused)\")",
        "localhost:3306",
        Refused,
    ),
    (
        "ERROR 2003 (HY000): Can't connect to MySQL server on '127.0.0.1:3307' (111)",
        "127.0.0.1:3307",
        Refused,
    ),
    (
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='localhost', port=11434): Max retries exceeded with url: /api/generate (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f>: Failed to establish a new connection: [Errno 111] Connection refused'))",
        "localhost:11434",
        Refused,
    ),
    (
        "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host localhost:11434 ssl:default [Connect call failed ('127.0.0.1', 11434)]",
        "localhost:11434",
        Refused,
    ),
    (
        "curl: (7) Failed to connect to localhost port 8001 after 0 ms: Couldn't connect to server",
        "localhost:8001",
        Refused,
    ),
    (
        "reqwest::Error { kind: Request, url: \"x\" } error sending request for url (http://localhost:8001/v1): error trying to connect: tcp connect error: Connection refused (os error 111)",
        "localhost:8001",
        Refused,
    ),
    (
        "Connection refused - connect(2) for \"localhost\" port 5432 (Errno::ECONNREFUSED)",
        "localhost:5432",
        Refused,
    ),
    (
        "Error connecting to Redis on localhost:6379 (Errno::ECONNREFUSED)",
        "localhost:6379",
        Refused,
    ),
    (
        "2026/11/20 10:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: \"GET / HTTP/1.1\", upstream: \"http://127.0.0.1:8001/\", host: \"localhost:8080\"",
        "127.0.0.1:8001",
        Refused,
    ),
    (
        "nginx: [emerg] host not found in upstream \"backend:8000\" in /etc/nginx/nginx.conf:12",
        "backend:8000",
        UnknownHost,
    ),
    (
        "System.Net.Http.HttpRequestException: Connection refused (localhost:5001)",
        "localhost:5001",
        Refused,
    ),
    (
        "StackExchange.Redis.RedisConnectionException: It was not possible to connect to the redis server(s). Error connecting right now. UnableToConnect on localhost:6379/Interactive",
        "localhost:6379",
        Refused,
    ),
    (
        "Failed to proxy http://localhost:8001/api/x Error: socket: connection refused",
        "localhost:8001",
        Refused,
    ),
    (
        "worker: cannot connect to http://127.0.0.1:7700, connection refused",
        "127.0.0.1:7700",
        Refused,
    ),
];

#[test]
fn clients_name_the_address_that_they_did_not_reach() {
    for &(text, address, why) in SAID {
        assert!(
            said(text).contains(&(address.to_owned(), why)),
            "{text}\n{:?}",
            said(text)
        );
    }
}

#[test]
fn both_addresses_of_a_name_are_reported() {
    let text = "OSError: Multiple exceptions: [Errno 111] Connect call failed ('::1', 5432, 0, 0), [Errno 111] Connect call failed ('127.0.0.1', 5432)";
    let addresses: Vec<_> = said(text).into_iter().map(|(address, _)| address).collect();
    assert_eq!(addresses, ["[::1]:5432", "127.0.0.1:5432"]);
}

#[test]
fn an_address_only_in_the_source_line_is_found() {
    let log = "Traceback (most recent call last):\n  File \"/app/api.py\", line 96, in report\n    await asyncio.open_connection(\"127.0.0.1\", int(os.environ.get(\"PGPORT\", \"5432\")))\n  File \"/usr/lib/python3.11/asyncio/streams.py\", line 48, in open_connection\n    transport, _ = await loop.create_connection(\nConnectionRefusedError: [Errno 111] Connection refused";
    assert_eq!(said(log), [("127.0.0.1:5432".to_owned(), Refused)]);
}

#[test]
fn an_address_that_was_reached_is_not_unreachable() {
    for text in [
        "connection to server at \"localhost\" (::1), port 5432 failed: FATAL:  password authentication failed for user \"app\"",
        "connection to server at \"localhost\" (::1), port 5432 failed: FATAL:  database \"app\" does not exist",
        "INFO:     127.0.0.1:55094 - \"GET / HTTP/1.1\" 200 OK",
        "INFO:     Uvicorn running on http://127.0.0.1:8001 (Press CTRL+C to quit)",
        "Connected to redis://localhost:6379/0",
        "ConnectionResetError: [Errno 104] Connection reset by peer",
        "  ➜  Local:   http://localhost:5173/",
    ] {
        assert_eq!(said(text), [], "{text}");
    }
}

#[test]
fn each_address_is_reported_once_with_its_latest_line() {
    let read = read(
        "Error: connect ECONNREFUSED 127.0.0.1:5432\nretrying\nError: connect ECONNREFUSED 127.0.0.1:5432\nError: connect ECONNREFUSED 127.0.0.1:6379",
    );
    let told: Vec<_> = read
        .unreachable
        .iter()
        .map(|address| (address.to_string(), address.line.number, address.times))
        .collect();
    assert_eq!(
        told,
        [
            ("127.0.0.1:6379".to_owned(), 4, 1),
            ("127.0.0.1:5432".to_owned(), 3, 2)
        ]
    );
}
