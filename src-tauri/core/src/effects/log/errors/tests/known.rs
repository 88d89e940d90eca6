//! Errors of `knowledge/*.toml` in complete logs: the line with the cause is quoted.

use super::{port, read};
use crate::diagnose::evidence::log::LogErrorKind as Kind;

/// Returns the entry and the line of the last error.
fn advice(log: &str) -> (&'static str, String) {
    let error = read(log).last_error.expect("an error");
    let id = error.advice.map_or("none", |advice| advice.id);
    (id, error.line.text)
}

#[test]
fn the_line_with_the_cause_is_quoted_and_advised_on() {
    for (id, quoted, log) in [
        (
            "postgres-stale-pid-file",
            "FATAL:  lock file \"postmaster.pid\" already exists",
            "2026-11-29 10:00:00.000 UTC [77] FATAL:  lock file \"postmaster.pid\" already exists\n\
             2026-11-29 10:00:00.000 UTC [77] HINT:  Is another postmaster (PID 42) running in data directory \"/data/pg\"?",
        ),
        (
            "postgres-too-many-clients",
            "sorry, too many clients already",
            "Traceback (most recent call last):\n  File \"/app/app.py\", line 8, in posts\n    c = psycopg.connect(URL)\n\
             psycopg.OperationalError: connection failed: connection to server at \"127.0.0.1\", port 21051 failed: FATAL:  sorry, too many clients already",
        ),
        (
            "django-host-not-allowed",
            "Invalid HTTP_HOST header: 'localhost:21300'",
            "Bad Request: /\nInvalid HTTP_HOST header: 'localhost:21300'. You may need to add 'localhost' to ALLOWED_HOSTS.\n\
             [29/Nov/2026 10:00:00] \"GET / HTTP/1.1\" 400 57000",
        ),
        (
            "inotify-watches",
            "ENOSPC: System limit for number of file watchers reached",
            "node:internal/fs/watchers:247\n    const error = new UVException({\n\n\
             Error: ENOSPC: System limit for number of file watchers reached, watch 'src/d12'\n    at FSWatcher.<computed> (node:internal/fs/watchers:247:19)\n\
             Node.js v20.11.0",
        ),
        (
            "node-bad-option",
            "bad option: --env-file-if-exists=.env",
            "> api@1.0.0 dev\n> node --env-file-if-exists=.env server.ts\n\nnode: bad option: --env-file-if-exists=.env",
        ),
        (
            "celery-task-unregistered",
            "Received unregistered task of type 'reports.build'.",
            "[2026-11-29 10:00:00,000: ERROR/MainProcess] Received unregistered task of type 'reports.build'.\n\
             The message has been ignored and discarded.",
        ),
    ] {
        let (found, line) = advice(log);
        assert_eq!(found, id, "{log}");
        assert!(line.contains(quoted), "{line}");
    }
}

#[test]
fn a_port_in_use_is_found_in_the_messages_of_servers() {
    for (number, log) in [
        (
            21422,
            "LOG:  could not bind IPv4 address \"127.0.0.1\": Address already in use\n\
             HINT:  Is another postmaster already running on port 21422? If not, wait a few seconds and retry.\n\
             WARNING:  could not create listen socket for \"localhost\"\nFATAL:  could not create any TCP/IP sockets",
        ),
        (
            21423,
            "[2026-11-29 10:00:00 +0000] [7] [ERROR] Connection in use: ('127.0.0.1', 21423)\n\
             [2026-11-29 10:00:00 +0000] [7] [ERROR] Retrying in 1 second.\n\
             [2026-11-29 10:00:05 +0000] [7] [ERROR] Can't connect to ('127.0.0.1', 21423)",
        ),
        (
            21425,
            "Starting development server at http://127.0.0.1:21425/\nQuit the server with CONTROL-C.\n\
             Error: That port is already in use.",
        ),
    ] {
        let error = read(log).last_error.expect("an error");
        let port = port(number);
        assert_eq!(error.kind, Kind::AddressInUse { port }, "{log}");
    }
}
