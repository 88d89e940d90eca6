//! The tables of a stack file, as they are written. The comments become the descriptions that an
//! editor shows.

use crate::stack::{Mode, Need, OnUnhealthy, PortConflict, Restart, Signal};

use super::{
    forms::{CommandForm, JsonForm, NeedsForm, StatusForm, TextOr},
    reader::{At, Choice, Named, Whole, table},
    units::{Size, Time},
};

table! {
    /// A stack: the services that are started and stopped together.
    struct StackTable {
        /// The schema of this file, for editors. Not read.
        _schema as "$schema": Option<String>,
        /// The name that people see. Default: the name of the file's folder.
        name: Option<At<String>>,
        /// `development` (the default) may end a process that holds a port of the stack;
        /// `production` never ends a process that it did not start.
        mode: Option<Mode>,
        /// The services, by name.
        service: Option<At<Named<ServiceTable>>>,
    }
}

table! {
    /// One service of a stack.
    struct ServiceTable {
        /// What is run: a string that is split into words, or a list of words.
        command: Option<At<CommandForm>>,
        /// Hands the command, then one string, to the platform's shell. Default: false.
        shell: Option<At<bool>>,
        /// Somebody else's service: watched, never started. Needs `ready` or `port`. Default: false.
        external: Option<At<bool>>,
        /// The folder in which it runs. Default: the folder of the stack file.
        directory: Option<At<String>>,
        /// The TCP port on which it listens.
        port: Option<At<Whole<1, 65_535>>>,
        /// An address, besides the loopback ones, on which the port must be free: `0.0.0.0`.
        host: Option<At<String>>,
        /// The services that come first: a name, a list of names, or a table of names and what each
        /// must have reached.
        needs: Option<At<NeedsForm>>,
        /// Another name of `needs`.
        depends_on: Option<At<NeedsForm>>,
        /// Environment variables.
        env: Option<Named<At<String>>>,
        /// A file of environment variables, or a list of files. With a `?` at its end it may be missing.
        env_file: Option<TextOr<Vec<At<String>>>>,
        /// Variables that must point at a service: the variable, and the service.
        env_points_at: Option<Named<At<String>>>,
        /// What must be there for a start to make sense.
        require: Option<At<RequireTable>>,
        /// When it is started again by itself. Default: `on-failure`.
        restart: Option<At<Restart>>,
        /// What happens when it is no longer well. Default: `notify`.
        on_unhealthy: Option<At<OnUnhealthy>>,
        /// How it is asked to leave: a signal, or a table. Default: SIGTERM.
        stop: Option<At<TextOr<StopTable>>>,
        /// Programs that it starts and that outlive it, by name: `["adb"]`. Each must have a process
        /// group of its own.
        keep: Option<At<Vec<At<String>>>>,
        /// How long it may take to become ready. Default: `60s`.
        start_timeout: Option<At<Time>>,
        /// What happens when its port is held. Default: `replace`.
        port_conflict: Option<At<PortConflict>>,
        /// Addresses to open in a browser, by label.
        links: Option<Named<At<String>>>,
        /// What tells that it is ready and stays healthy: a table, or `"tcp"`, `"http: /health"`,
        /// `"log: listening on"`, or an address. Default: it listens on its port, or, without a port,
        /// it runs.
        ready: Option<At<TextOr<ReadyTable>>>,
        /// What a user of the service would do.
        check: Option<Vec<At<CheckTable>>>,
        /// How much of its output is kept.
        log: Option<At<LogTable>>,
    }
}

table! {
    /// What must be there for a start to make sense.
    struct RequireTable {
        /// Files and folders that must exist.
        files: Option<Vec<At<String>>>,
        /// Variables that must be set and not empty.
        env: Option<Vec<At<String>>>,
        /// Commands that must end with 0.
        commands: Option<Vec<At<CommandForm>>>,
    }
}

table! {
    /// How a service is asked to leave.
    struct StopTable {
        /// The signal to its process group. Default: SIGTERM.
        signal: Option<At<Signal>>,
        /// A command that makes it leave, instead of a signal.
        command: Option<At<CommandForm>>,
        /// How long it has before all its processes are killed. Default: `5s`.
        timeout: Option<Time>,
    }
}

table! {
    /// What tells that a service is ready and stays healthy. All that is given must pass.
    struct ReadyTable {
        /// A connection to this `host:port` is accepted.
        tcp: Option<At<String>>,
        /// This request is answered as expected: an address, or a table.
        http: Option<TextOr<HttpTable>>,
        /// The Redis at this address answers PING.
        redis: Option<At<String>>,
        /// The WebSocket handshake at this address is accepted.
        websocket: Option<At<String>>,
        /// This command ends with 0.
        command: Option<At<CommandForm>>,
        /// A line of its output matches this regular expression.
        log: Option<At<String>>,
        /// It just runs.
        process: Option<At<bool>>,
        /// The pause between two rounds once it is ready. Default: `2s`.
        every: Option<At<Time>>,
        /// How long one probe may take. Default: `2s`.
        timeout: Option<At<Time>>,
        /// So many failures in a row make it unhealthy. Default: 3.
        failures: Option<Whole<1, 1_000_000>>,
    }
}

table! {
    /// A request, and the answer that is expected.
    struct HttpTable {
        /// The address. `/path` alone asks the service's own port.
        url: At<String>,
        /// The method. Default: `GET`, or `POST` with a body.
        method: Option<At<String>>,
        /// Headers to send.
        headers: Option<Named<At<String>>>,
        /// The body to send: a text as it stands, anything else as JSON.
        body: Option<At<JsonForm>>,
        /// In `ready`: the JSON that the answer must at least have. In a check: the JSON to send.
        json: Option<At<JsonForm>>,
        /// The status that is expected, or a list. Default: any from 200 to 399.
        status: Option<StatusForm>,
        /// The JSON that the answer must at least have.
        expect_json: Option<At<JsonForm>>,
        /// A text that the answer must have in it.
        expect_text: Option<At<String>>,
        /// Headers that the answer must have, each with a text that must be in its value.
        expect_headers: Option<Named<At<String>>>,
    }
}

table! {
    /// A request that a user of the service would make. It has one of `http`, `websocket`, `redis`
    /// and `command`.
    struct CheckTable {
        /// What the user would call it.
        name: At<String>,
        /// A request: an address, or a table.
        http: Option<At<TextOr<HttpTable>>>,
        /// A WebSocket handshake: an address, or a table.
        websocket: Option<At<TextOr<WebSocketTable>>>,
        /// PING to the Redis at this address, and a write that changes nothing.
        redis: Option<At<String>>,
        /// A command that must end with 0.
        command: Option<At<CommandForm>>,
        /// The page that a browser would send it from: the CORS headers are judged too.
        origin: Option<At<String>>,
        /// Whether the browser sends cookies along. Default: false.
        credentials: Option<At<bool>>,
        /// Values of the answer for later checks: a name, and a JSON pointer.
        save: Option<At<Named<At<String>>>>,
        /// How long it may take. Default: `5s`.
        timeout: Option<At<Time>>,
        /// The pause between two rounds. Default: it runs after ready, and when asked.
        every: Option<At<Time>>,
    }
}

table! {
    /// A WebSocket handshake.
    struct WebSocketTable {
        /// The address. `/path` alone asks the service's own port.
        url: At<String>,
        /// The subprotocol to ask for.
        protocol: Option<At<String>>,
    }
}

table! {
    /// How much of the output of a service is kept.
    struct LogTable {
        /// The newest runs. Default: 10.
        runs: Option<Whole<1, 100_000>>,
        /// Of one run; its oldest lines go first. Default: 256 MiB.
        size: Option<Size>,
    }
}

impl Choice for Mode {
    const WORDS: &[(&str, Self)] = &[
        ("development", Self::Development),
        ("production", Self::Production),
    ];
}

impl Choice for Need {
    const WORDS: &[(&str, Self)] = &[
        ("ready", Self::Ready),
        ("started", Self::Started),
        ("completed", Self::Completed),
    ];
}

impl Choice for Restart {
    const WORDS: &[(&str, Self)] = &[
        ("on-failure", Self::OnFailure),
        ("always", Self::Always),
        ("never", Self::Never),
    ];
}

impl Choice for OnUnhealthy {
    const WORDS: &[(&str, Self)] = &[("notify", Self::Notify), ("restart", Self::Restart)];
}

impl Choice for PortConflict {
    const WORDS: &[(&str, Self)] = &[
        ("replace", Self::Replace),
        ("force", Self::Force),
        ("fail", Self::Fail),
        ("next", Self::Next),
    ];
}

impl Choice for Signal {
    const WORDS: &[(&str, Self)] = &[
        ("SIGTERM", Self::Terminate),
        ("SIGINT", Self::Interrupt),
        ("SIGQUIT", Self::Quit),
        ("SIGHUP", Self::HangUp),
        ("SIGUSR1", Self::User1),
        ("SIGUSR2", Self::User2),
        ("SIGKILL", Self::Kill),
    ];
}
