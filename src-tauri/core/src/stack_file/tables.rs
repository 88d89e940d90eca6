//! The tables of a stack file, as written. Editors show the doc comments as descriptions.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value as Json;

use crate::stack::{Input, Mode, OnUnhealthy, PortAssignment, PortConflict, Restart, Signal};

use super::{
    findings::{Problems, Read},
    forms::{CommandForm, HookForm, JsonForm, NeedsForm, StatusForm, TextOr, WatchForm},
    reader::{At, FromToml, Named, PortNumber, Value, Whole, table},
    units::{Size, Time},
};

table! {
    /// A stack: the services that are started and stopped together.
    struct StackTable {
        /// The schema of this file, for editors. Pilot Light does not read it.
        _schema as "$schema": Option<String>,
        /// The displayed name. Default: the name of the file's folder.
        name: Option<At<String>>,
        /// `development` (the default) may stop a process that holds a port of the stack;
        /// `production` never stops a process that it did not start.
        mode: Option<Mode>,
        /// The ports beside other checkouts of the same repository. `auto` (the default) uses free
        /// ones if another checkout uses the declared ones, `own` always does, `fixed` never does.
        ports: Option<PortAssignment>,
        /// Other stack files whose services belong to this stack: paths relative to the folder of
        /// this file, or tables.
        _include as "include": Option<Vec<TextOr<IncludeTable>>>,
        /// Templates that services extend, by name: the keys of a service.
        _template as "template": Option<Named<ServiceTable>>,
        /// Selections of services, by name: `pilotlight up --profile NAME`.
        profile: Option<Named<ProfileTable>>,
        /// The docker context whose engine runs the containers. Default: the context that the
        /// `docker` command uses.
        docker_context: Option<At<String>>,
        /// The services, by name.
        service: Option<Named<ServiceTable>>,
        /// The tasks, by name: commands that run to their end, on request, for a service, or by a
        /// schedule.
        task: Option<Named<TaskTable>>,
    }
}

table! {
    /// A stack file whose services belong to this stack.
    struct IncludeTable {
        /// Its path, relative to the folder of this file.
        _file as "file": String,
        /// A prefix for the names of its services, templates and tasks.
        _prefix as "prefix": Option<String>,
    }
}

table! {
    /// A selection of services, and different settings for them.
    struct ProfileTable {
        /// The services to start, with all their dependencies. Default: all.
        services: Option<Vec<At<String>>>,
        /// Different settings of services, by service.
        service: Option<Named<ServiceTable>>,
    }
}

table! {
    /// One service of a stack.
    struct ServiceTable {
        /// A template or service whose keys it inherits unless it sets them; or a list of them.
        _extends as "extends": Option<TextOr<Vec<At<String>>>>,
        /// The command: a string that is split into arguments, or a list of arguments.
        command: Option<At<CommandForm>>,
        /// A service of a compose file, which runs in a container: its name, or a table.
        compose: Option<TextOr<ComposeTable>>,
        /// A container that Pilot Light creates from an image.
        container: Option<ContainerTable>,
        /// Runs the command, which is one string, in the platform's shell. Default: false.
        shell: Option<bool>,
        /// A service that is only monitored, never started or stopped. Needs `ready` or `port`.
        /// Default: false.
        external: Option<bool>,
        /// The working directory. Default: the folder of the stack file.
        directory: Option<At<String>>,
        /// The TCP port on which it listens.
        port: Option<At<PortNumber>>,
        /// Its TCP ports by name, if it has several: `{ http = 8000, debug = 5678 }`. Without `port`,
        /// the first is its port.
        ports: Option<Named<At<PortNumber>>>,
        /// An address, besides the loopback ones, on which the port must be free: `0.0.0.0`.
        host: Option<At<String>>,
        /// The services that it depends on: a name, a list of names, or a table of names and the
        /// state that each must reach.
        needs: Option<NeedsForm>,
        /// Another name of `needs`.
        depends_on: Option<NeedsForm>,
        /// Environment variables.
        env: Option<Named<At<String>>>,
        /// A file with environment variables, or a list of files. A file with a `?` at its end is
        /// optional.
        env_file: Option<TextOr<Vec<At<String>>>>,
        /// A command that prints further variables in the syntax of an `env_file`, such as a secret
        /// manager. Runs before each start; its output is kept only in memory.
        env_command: Option<At<CommandForm>>,
        /// Variables that must point to a service: the variable and the service.
        env_points_at: Option<Named<At<String>>>,
        /// The requirements of a start.
        require: Option<RequireTable>,
        /// When it is restarted automatically. Default: `on-failure`.
        restart: Option<Restart>,
        /// The pause before each restart. Default: none at first, then growing from 0.2 s to 30 s.
        restart_delay: Option<Time>,
        /// The number of restarts after which it is no longer restarted, unless it stays ready for
        /// a minute. Default: four within a minute.
        max_restarts: Option<Whole<0, 1_000_000>>,
        /// The exit codes, besides 0, with which a service that others need `completed` has completed.
        success_exit_codes: Option<Vec<Whole<0, 2_147_483_647, i32>>>,
        /// What happens when it becomes unhealthy. Default: `notify`.
        on_unhealthy: Option<OnUnhealthy>,
        /// The memory that all its processes may use together: `"1GB"`. Measured every `ready.every`.
        memory: Option<Size>,
        /// What happens when it exceeds `memory`. Default: `notify`.
        on_limit: Option<OnUnhealthy>,
        /// How it is stopped: a signal, or a table. Default: SIGTERM.
        stop: Option<TextOr<StopTable>>,
        /// The names of programs that it starts and that outlive it: `["adb"]`. Each must have its
        /// own process group.
        keep: Option<Vec<String>>,
        /// The time limit for becoming ready. Default: `60s`.
        start_timeout: Option<At<Time>>,
        /// What happens when its port is in use. Default: `replace`.
        port_conflict: Option<PortConflict>,
        /// Addresses to open in a browser, by label.
        links: Option<Named<At<String>>>,
        /// The readiness probe: a table, or `"tcp"`, `"http: /health"`, `"log: listening on"`,
        /// `"postgres"`, or an address. Default: it listens on its port, or, without a port, it is
        /// running.
        ready: Option<TextOr<ReadyTable>>,
        /// Functional checks.
        check: Option<Vec<At<CheckTable>>>,
        /// Known errors in its log, and what to do about each.
        known: Option<Vec<KnownTable>>,
        /// The limits of its logs.
        log: Option<LogTable>,
        /// The files whose changes restart it: a list of patterns such as `src/**/*.py`, or a table.
        watch: Option<At<WatchForm>>,
        /// Commands that run when its state changes.
        on: Option<OnTable>,
        /// Its standard input. Default: `open`, which stays open and empty.
        stdin: Option<Input>,
        /// Whether it has a terminal, to which `pilotlight attach` connects yours. Default: false.
        tty: Option<bool>,
        /// Whether variables request colours, although its output is a file. Default: true.
        colors: Option<bool>,
        /// In a task: the files that it depends on, as patterns. It runs again only after a change
        /// of one of them, the command or its environment.
        inputs: Option<Vec<At<String>>>,
        /// In a task: the time between two starts, while the stack is up: `1h`.
        every: Option<At<Time>>,
        /// In a task: the times at which it starts, while the stack is up: `0 3 * * *`.
        cron: Option<At<String>>,
    }
}

/// The keys of a service that a task cannot have.
pub(super) const NOT_IN_TASK: [&str; 13] = [
    "compose",
    "container",
    "external",
    "port",
    "host",
    "port_conflict",
    "ready",
    "start_timeout",
    "on_unhealthy",
    "restart",
    "check",
    "links",
    "watch",
];

/// The keys of a service that an external service cannot have.
pub(super) const NOT_EXTERNAL: [&str; 24] = [
    "command",
    "compose",
    "container",
    "shell",
    "host",
    "needs",
    "depends_on",
    "require",
    "env_command",
    "restart",
    "restart_delay",
    "max_restarts",
    "success_exit_codes",
    "on_unhealthy",
    "memory",
    "on_limit",
    "stop",
    "keep",
    "port_conflict",
    "log",
    "watch",
    "stdin",
    "tty",
    "colors",
];

/// One task of a stack: a service that runs to its end.
#[derive(Debug)]
pub(super) struct TaskTable(pub(super) ServiceTable);

impl FromToml for TaskTable {
    const EXPECTED: &'static str = "a table";

    fn from_toml(value: &Value<'_>, problems: &mut Problems<'_>) -> Read<Self> {
        ServiceTable::from_toml(value, problems).map(Self)
    }
}

impl JsonSchema for TaskTable {
    fn schema_name() -> Cow<'static, str> {
        "TaskTable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = ServiceTable::json_schema(generator);
        if let Some(Json::Object(keys)) = schema.get_mut("properties") {
            keys.retain(|key, _| !NOT_IN_TASK.contains(&key.as_str()));
        }
        let description = "One task of a stack: a service that runs to its end.";
        schema.insert("description".to_owned(), description.into());
        schema
    }
}

table! {
    /// The files whose changes affect a service.
    struct WatchTable {
        /// The patterns of the files, relative to its `directory`: `src/**/*.py`.
        paths: Vec<At<String>>,
        /// Patterns of excluded files.
        ignore: Option<Vec<At<String>>>,
        /// How long no further file may change before it reacts. Default: `200ms`.
        debounce: Option<At<Time>>,
        /// What a change does: `restart` (the default), `signal` (SIGHUP), the name of a signal, or
        /// `task:NAME`.
        reaction as "do": Option<At<String>>,
        /// Whether the services that depend on it restart too. Default: false.
        cascade: Option<bool>,
    }
}

table! {
    /// Commands that run when the state of a service changes. Each is a command, `open ADDRESS`, or a
    /// table with `command`.
    struct OnTable {
        /// When it is ready for the first time since it was requested.
        ready: Option<HookForm>,
        /// When it has failed. The finding is on its standard input, as JSON.
        failed: Option<HookForm>,
        /// When it has stopped, as requested.
        stopped: Option<HookForm>,
        /// When it is ready again after a failure.
        recovered: Option<HookForm>,
    }
}

table! {
    /// A hook.
    struct HookTable {
        /// The command.
        command: At<CommandForm>,
    }
}

table! {
    /// A service of a compose file.
    struct ComposeTable {
        /// The compose file, or a list of files. Default: the file that compose finds in the
        /// working directory.
        file: Option<TextOr<Vec<At<String>>>>,
        /// Its name in the compose file. Default: the name of the service.
        service: Option<At<String>>,
        /// A profile of the compose file, or a list of them.
        profile: Option<TextOr<Vec<At<String>>>>,
    }
}

table! {
    /// A container that Pilot Light creates from an image.
    struct ContainerTable {
        /// The image: `postgres:17`. It is pulled if the engine does not have it.
        image: At<String>,
        /// The ports inside the container that are published on this machine. The first one belongs to
        /// `port`, the engine chooses the others. Default: `port`.
        ports: Option<Vec<PortNumber>>,
        /// Volumes and folders: `data:/var/lib/data`, `./conf:/etc/conf:ro`.
        volumes: Option<Vec<At<String>>>,
        /// Environment variables in the container, besides those of `env_file` and `env`.
        env: Option<Named<At<String>>>,
        /// The arguments after the image: a string that is split into arguments, or a list.
        args: Option<At<CommandForm>>,
    }
}

table! {
    /// The requirements of a start.
    struct RequireTable {
        /// Files and folders that must exist.
        files: Option<Vec<At<String>>>,
        /// Variables that must be set and not empty.
        env: Option<Vec<At<String>>>,
        /// Commands that must exit with code 0.
        commands: Option<Vec<At<CommandForm>>>,
    }
}

table! {
    /// How a service is stopped.
    struct StopTable {
        /// The signal to its process group. Default: SIGTERM.
        signal: Option<Signal>,
        /// A command that stops it, instead of a signal.
        command: Option<At<CommandForm>>,
        /// The grace period before all its processes are killed. Default: `5s`.
        timeout: Option<Time>,
    }
}

table! {
    /// The readiness probes of a service. All given ones must pass.
    struct ReadyTable {
        /// A connection to this `host:port` is accepted.
        tcp: Option<At<String>>,
        /// The response to this request is as expected: an address, or a table.
        http: Option<TextOr<HttpTable>>,
        /// Redis at this address responds to PING.
        redis: Option<At<String>>,
        /// PostgreSQL at this address accepts a client: `postgres://user:password@localhost:{port}/shop`.
        postgres: Option<At<String>>,
        /// MySQL or MariaDB at this address accepts a client.
        mysql: Option<At<String>>,
        /// MongoDB at this address accepts a client.
        mongodb: Option<At<String>>,
        /// RabbitMQ at this address accepts a client: `amqp://localhost:{port}`.
        rabbitmq: Option<At<String>>,
        /// Kafka at this address responds: `kafka://localhost:{port}`.
        kafka: Option<At<String>>,
        /// The health service of the gRPC server at this address responds with SERVING:
        /// `grpc://localhost:{port}`.
        grpc: Option<At<String>>,
        /// The WebSocket handshake at this address is accepted.
        websocket: Option<At<String>>,
        /// This command exits with code 0.
        command: Option<At<CommandForm>>,
        /// A line of its output matches this regular expression.
        log: Option<At<String>>,
        /// The process is running.
        process: Option<bool>,
        /// The pause between two rounds once it is ready. Default: `2s`.
        every: Option<At<Time>>,
        /// The time limit of one probe. Default: `2s`.
        timeout: Option<At<Time>>,
        /// The number of consecutive failures that make it unhealthy. Default: 3.
        failures: Option<Whole<1, 1_000_000>>,
    }
}

table! {
    /// A request, and the expected response.
    struct HttpTable {
        /// The address. `/path` alone uses the service's own port.
        url: At<String>,
        /// The method. Default: `GET`, or `POST` with a body.
        method: Option<At<String>>,
        /// Headers to send.
        headers: Option<Named<At<String>>>,
        /// The body to send: a string literally, anything else as JSON.
        #[schemars(with = "Option<Json>")]
        body: Option<JsonForm>,
        /// In `ready`: the JSON that the response must contain. In a check: the JSON to send.
        #[schemars(with = "Option<Json>")]
        json: Option<JsonForm>,
        /// The expected status, or a list. Default: any from 200 to 399.
        status: Option<StatusForm>,
        /// The JSON that the response must contain.
        #[schemars(with = "Option<Json>")]
        expect_json: Option<JsonForm>,
        /// A text that the response must contain.
        expect_text: Option<At<String>>,
        /// Headers that the response must have, each with a text that its value must contain.
        expect_headers: Option<Named<At<String>>>,
    }
}

table! {
    /// A request that a user of the service would make. It has one of `http`, `websocket`, `redis`
    /// and `command`.
    struct CheckTable {
        /// The name.
        name: At<String>,
        /// A request: an address, or a table.
        http: Option<TextOr<HttpTable>>,
        /// A WebSocket handshake: an address, or a table.
        websocket: Option<TextOr<WebSocketTable>>,
        /// PING to the Redis at this address, and a write that changes nothing.
        redis: Option<At<String>>,
        /// A command that must exit with code 0.
        command: Option<At<CommandForm>>,
        /// The page from which a browser would send it: CORS headers are verified too.
        origin: Option<At<String>>,
        /// Whether the browser sends cookies. Default: false.
        credentials: Option<bool>,
        /// Values of the response for later checks: a name, and a JSON pointer, `header: NAME` or
        /// `cookie: NAME`.
        save: Option<Named<At<String>>>,
        /// The time limit. Default: `5s`.
        timeout: Option<At<Time>>,
        /// The interval. Default: it runs when the service becomes ready, and on request.
        every: Option<At<Time>>,
    }
}

table! {
    /// A WebSocket handshake.
    struct WebSocketTable {
        /// The address. `/path` alone uses the service's own port.
        url: At<String>,
        /// The requested subprotocol.
        protocol: Option<At<String>>,
    }
}

table! {
    /// A known error. In `title` and `do`, `{name}` is the value of a group `(?<name>…)` of `says`.
    struct KnownTable {
        /// A regular expression. A line of its log that matches it is this error.
        says: At<String>,
        /// The cause. Default: the line.
        title: Option<String>,
        /// What to do.
        remedy as "do": String,
        /// A command that applies the advice, in the folder of the service. Runs only if the user
        /// agrees.
        command: Option<At<CommandForm>>,
    }
}

table! {
    /// The limits of a service's logs.
    struct LogTable {
        /// The number of runs that are kept. Default: 10.
        runs: Option<Whole<1, 100_000>>,
        /// The maximum size of one run; the oldest lines are removed first. Default: 256 MiB.
        size: Option<Size>,
    }
}
