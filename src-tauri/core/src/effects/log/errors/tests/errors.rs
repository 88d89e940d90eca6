use super::{port, read};
use crate::diagnose::evidence::log::{Ecosystem, LogErrorForm, LogErrorKind as Kind};

struct Case {
    log: &'static str,
    line: u64,
    says: &'static str,
    kind: Kind,
}

fn module(ecosystem: Ecosystem, name: &str) -> Kind {
    Kind::ModuleMissing {
        ecosystem,
        name: name.to_owned(),
        own: false,
    }
}

fn own_module(ecosystem: Ecosystem, name: &str) -> Kind {
    Kind::ModuleMissing {
        ecosystem,
        name: name.to_owned(),
        own: true,
    }
}

fn named(make: fn(String) -> Kind, name: &str) -> Kind {
    make(name.to_owned())
}

fn check(cases: &[Case]) {
    for case in cases {
        let read = read(case.log);
        let error = read
            .last_error
            .unwrap_or_else(|| panic!("no error in\n{}", case.log));
        assert_eq!(
            (error.line.number, error.line.text.as_str(), &error.kind),
            (case.line, case.says, &case.kind),
            "{}",
            case.log
        );
    }
}

#[test]
fn a_python_error_is_the_last_line_of_its_traceback() {
    check(&[
        Case {
            log: "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in <module>\n    import fastapi\nModuleNotFoundError: No module named 'fastapi'",
            line: 4,
            says: "ModuleNotFoundError: No module named 'fastapi'",
            kind: module(Ecosystem::Python, "fastapi"),
        },
        Case {
            log: "Traceback (most recent call last):\n  File \"/app/main.py\", line 3, in <module>\n    from google.cloud import storage\nModuleNotFoundError: No module named 'google.cloud'",
            line: 4,
            says: "ModuleNotFoundError: No module named 'google.cloud'",
            kind: module(Ecosystem::Python, "google"),
        },
        Case {
            log: "/usr/bin/python3: No module named uvicorn",
            line: 1,
            says: "/usr/bin/python3: No module named uvicorn",
            kind: module(Ecosystem::Python, "uvicorn"),
        },
        Case {
            log: "INFO:     Started server process [4242]\nINFO:     Waiting for application startup.\nERROR:    Traceback (most recent call last):\n  File \"/v/starlette/routing.py\", line 694, in lifespan\n    async with self.lifespan_context(app) as maybe_state:\n               ~~~~~~~~~~~~~~~~~~~~~^^^^^\n  File \"/app/main.py\", line 12, in lifespan\n    await app.state.redis.ping()\nredis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.\n\nERROR:    Application startup failed. Exiting.",
            line: 9,
            says: "redis.exceptions.ConnectionError: Error 111 connecting to localhost:6379. Connection refused.",
            kind: Kind::Unreachable,
        },
        Case {
            log: "INFO:     127.0.0.1:55094 - \"POST /api/v1/conversations HTTP/1.1\" 500 Internal Server Error\nERROR:    Exception in ASGI application\nTraceback (most recent call last):\n  File \"/v/sqlalchemy/engine/base.py\", line 1967, in _exec_single_context\n    self.dialect.do_execute(\n    ~~~~~~~~~~~~~~~~~~~~~~~^\n        cursor, str_statement, effective_parameters, context\n    )\n    ^\nsqlite3.OperationalError: no such table: conversations\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/v/uvicorn/protocols/http/h11_impl.py\", line 403, in run_asgi\n    result = await app(scope, receive, send)\nsqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: conversations\n[SQL: INSERT INTO conversations (title) VALUES (?)]\n[parameters: ('x',)]\n(Background on this error at: https://sqlalche.me/e/20/e3q8)\nINFO:     127.0.0.1:55094 - \"GET /health HTTP/1.1\" 200 OK",
            line: 17,
            says: "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: conversations",
            kind: named(|name| Kind::TableMissing { name }, "conversations"),
        },
        Case {
            log: "asyncpg.exceptions.UndefinedTableError: relation \"users\" does not exist",
            line: 1,
            says: "asyncpg.exceptions.UndefinedTableError: relation \"users\" does not exist",
            kind: named(|name| Kind::TableMissing { name }, "users"),
        },
        Case {
            log: "Traceback (most recent call last):\n  File \"/app/settings.py\", line 3, in <module>\n    KEY = os.environ[\"OPENAI_API_KEY\"]\n          ~~~~~~~~~~^^^^^^^^^^^^^^^^^^\n  File \"<frozen os>\", line 717, in __getitem__\nKeyError: 'OPENAI_API_KEY'",
            line: 6,
            says: "KeyError: 'OPENAI_API_KEY'",
            kind: named(|name| Kind::VariableMissing { name }, "OPENAI_API_KEY"),
        },
        Case {
            log: "Traceback (most recent call last):\n  File \"/app/main.py\", line 9, in <module>\n    settings = Settings()\npydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nopenai_api_key\n  Field required [type=missing, input_value={}, input_type=dict]\n    For further information visit https://errors.pydantic.dev/2.11/v/missing",
            line: 4,
            says: "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings",
            kind: named(|name| Kind::VariableMissing { name }, "OPENAI_API_KEY"),
        },
        Case {
            log: "openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable",
            line: 1,
            says: "openai.OpenAIError: The api_key client option must be set either by passing api_key to the client or by setting the OPENAI_API_KEY environment variable",
            kind: named(|name| Kind::VariableMissing { name }, "OPENAI_API_KEY"),
        },
        Case {
            log: "Traceback (most recent call last):\n  File \"/app/main.py\", line 5\n    def x(:\n          ^\nSyntaxError: invalid syntax",
            line: 5,
            says: "SyntaxError: invalid syntax (main.py:5)",
            kind: Kind::Syntax,
        },
        Case {
            log: "Traceback (most recent call last):\n  File \"/app/main.py\", line 5, in <module>\n    raise ValueError(\n        \"no\"\n        + \"thing\"\n    )\nValueError: nothing\nshutting down",
            line: 7,
            says: "ValueError: nothing",
            kind: Kind::Other,
        },
    ]);
}

#[test]
fn the_first_of_chained_exceptions_is_the_cause() {
    let read = read(
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nConnectionRefusedError: [Errno 111] Connect call failed ('127.0.0.1', 6379)\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"b.py\", line 2, in g\nRuntimeError: no cache",
    );
    let error = read.last_error.expect("an error");
    assert_eq!(error.line.text, "RuntimeError: no cache");
    let cause = error.cause.expect("a cause");
    assert_eq!(cause.number, 3);
    assert_eq!(error.kind, Kind::Unreachable);
    assert_eq!(read.unreachable[0].to_string(), "127.0.0.1:6379");
}

#[test]
fn the_exception_in_a_group_is_the_error() {
    let log = "  + Exception Group Traceback (most recent call last):\n  |   File \"/v/starlette/_utils.py\", line 76, in collapse_excgroups\n  |     yield\n  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"/app/main.py\", line 20, in create\n    |     raise RuntimeError(\"boom\")\n    | RuntimeError: boom\n    +------------------------------------\nINFO: next";
    let error = read(log).last_error.expect("an error");
    assert_eq!(error.line.text, "RuntimeError: boom");
    assert_eq!(error.line.number, 9);
    assert_eq!(error.cause, None);
}

#[test]
fn a_node_error_is_above_its_frames() {
    check(&[
        Case {
            log: "node:events:497\n      throw er; // Unhandled 'error' event\n      ^\n\nError: listen EADDRINUSE: address already in use :::3000\n    at Server.setupListenHandle [as _listen2] (node:net:1817:16)\n    at listenInCluster (node:net:1865:12)\nEmitted 'error' event on Server instance at:\n    at emitErrorNT (node:net:1844:8) {\n  code: 'EADDRINUSE',\n  errno: -98,\n  syscall: 'listen',\n  address: '::',\n  port: 3000\n}\n\nNode.js v20.11.1",
            line: 5,
            says: "Error: listen EADDRINUSE: address already in use :::3000",
            kind: Kind::AddressInUse { port: port(3000) },
        },
        Case {
            log: "Error: listen EACCES: permission denied 0.0.0.0:80\n    at Server.setupListenHandle [as _listen2] (node:net:1786:21)",
            line: 1,
            says: "Error: listen EACCES: permission denied 0.0.0.0:80",
            kind: Kind::AddressForbidden { port: port(80) },
        },
        Case {
            log: "node:internal/modules/cjs/loader:1137\n  throw err;\n  ^\n\nError: Cannot find module 'express'\nRequire stack:\n- /app/server.js\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1134:15)\n  code: 'MODULE_NOT_FOUND',\n  requireStack: [ '/app/server.js' ]\n}\n\nNode.js v20.11.1",
            line: 5,
            says: "Error: Cannot find module 'express'",
            kind: module(Ecosystem::Node, "express"),
        },
        Case {
            log: "Error: Cannot find module '/app/src/server.js'\n    at Module._resolveFilename (node:internal/modules/cjs/loader:1134:15)",
            line: 1,
            says: "Error: Cannot find module '/app/src/server.js'",
            kind: own_module(Ecosystem::Node, "/app/src/server.js"),
        },
        Case {
            log: "node:internal/process/esm_loader:97\n    internalBinding('errors').triggerUncaughtException(\n                              ^\n\nError [ERR_MODULE_NOT_FOUND]: Cannot find package '@fastify/cors/plugin' imported from /app/server.mjs\n    at packageResolve (node:internal/modules/esm/resolve:854:9)",
            line: 5,
            says: "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@fastify/cors/plugin' imported from /app/server.mjs",
            kind: module(Ecosystem::Node, "@fastify/cors"),
        },
        Case {
            log: "failed to load config from /app/vite.config.ts\nerror when starting dev server:\nError [ERR_MODULE_NOT_FOUND]: Cannot find package '@vitejs/plugin-react' imported from /app/node_modules/.vite-temp/vite.config.ts.mjs\n    at packageResolve (node:internal/modules/esm/resolve:854:9)",
            line: 3,
            says: "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@vitejs/plugin-react' imported from /app/node_modules/.vite-temp/vite.config.ts.mjs",
            kind: module(Ecosystem::Node, "@vitejs/plugin-react"),
        },
        Case {
            log: "error when starting dev server:\nError: Port 5173 is already in use\n    at Server.onError (file:///app/node_modules/vite/dist/node/chunks/dep-1.js:24000:18)",
            line: 2,
            says: "Error: Port 5173 is already in use",
            kind: Kind::AddressInUse { port: port(5173) },
        },
        Case {
            log: "10:12:01 AM [vite] (client) Pre-transform error: Failed to resolve import \"lodash/fp\" from \"src/App.tsx\". Does the file exist?",
            line: 1,
            says: "10:12:01 AM [vite] (client) Pre-transform error: Failed to resolve import \"lodash/fp\" from \"src/App.tsx\". Does the file exist?",
            kind: module(Ecosystem::Node, "lodash"),
        },
        Case {
            log: "Port 5173 is in use, trying another one...\n\n  VITE v7.1.2  ready in 139 ms\n\n  ➜  Local:   http://localhost:5174/",
            line: 1,
            says: "Port 5173 is in use, trying another one...",
            kind: Kind::PortMoved {
                from: port(5173),
                to: port(5174),
            },
        },
        Case {
            log: " ⚠ Port 3000 is in use, trying 3001 instead.\n   ▲ Next.js 14.2.3",
            line: 1,
            says: "⚠ Port 3000 is in use, trying 3001 instead.",
            kind: Kind::PortMoved {
                from: port(3000),
                to: port(3001),
            },
        },
        Case {
            log: "<--- Last few GCs --->\n\nFATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n 1: 0xb09c10 node::Abort() [node]",
            line: 3,
            says: "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
            kind: Kind::OutOfMemory,
        },
        Case {
            log: "TypeError: fetch failed\n    at node:internal/deps/undici/undici:12618:11 {\n  [cause]: Error: connect ECONNREFUSED 127.0.0.1:8001\n      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {\n    code: 'ECONNREFUSED',\n    port: 8001\n  }\n}",
            line: 1,
            says: "TypeError: fetch failed",
            kind: Kind::Unreachable,
        },
    ]);
}

#[test]
fn servers_report_a_port_in_use() {
    check(&[
        Case {
            log: "INFO:     Application startup complete.\nERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): address already in use\nINFO:     Waiting for application shutdown.\nINFO:     Application shutdown complete.",
            line: 2,
            says: "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): address already in use",
            kind: Kind::AddressInUse { port: port(8001) },
        },
        Case {
            log: "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): [errno 98] address already in use",
            line: 1,
            says: "ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 8001): [errno 98] address already in use",
            kind: Kind::AddressInUse { port: port(8001) },
        },
        Case {
            log: "ERROR:    [Errno 10048] error while attempting to bind on address ('127.0.0.1', 8000): only one usage of each socket address (protocol/network address/port) is normally permitted",
            line: 1,
            says: "ERROR:    [Errno 10048] error while attempting to bind on address ('127.0.0.1', 8000): only one usage of each socket address (protocol/network address/port) is normally permitted",
            kind: Kind::AddressInUse { port: port(8000) },
        },
        Case {
            log: "ERROR:    [Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied",
            line: 1,
            says: "ERROR:    [Errno 13] error while attempting to bind on address ('0.0.0.0', 80): permission denied",
            kind: Kind::AddressForbidden { port: port(80) },
        },
        Case {
            log: "[2026-11-20 10:00:00 +0000] [7] [ERROR] Connection in use: ('127.0.0.1', 8000)\n[2026-11-20 10:00:00 +0000] [7] [INFO] Retrying in 1 second.",
            line: 1,
            says: "[2026-11-20 10:00:00 +0000] [7] [ERROR] Connection in use: ('127.0.0.1', 8000)",
            kind: Kind::AddressInUse { port: port(8000) },
        },
        Case {
            log: "Address already in use\nPort 5000 is in use by another program. Either identify and stop that program, or start the server with a different port.",
            line: 2,
            says: "Port 5000 is in use by another program. Either identify and stop that program, or start the server with a different port.",
            kind: Kind::AddressInUse { port: port(5000) },
        },
        Case {
            log: "nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)",
            line: 1,
            says: "nginx: [emerg] bind() to 0.0.0.0:8080 failed (98: Address already in use)",
            kind: Kind::AddressInUse { port: port(8080) },
        },
        Case {
            log: "7:C 20 Nov 2026 10:00:00.000 * oO0OoO0OoO0Oo Redis is starting oO0OoO0OoO0Oo\n7:M 20 Nov 2026 10:00:00.001 # Warning: Could not create server TCP listening socket *:6379: bind: Address already in use\n7:M 20 Nov 2026 10:00:00.001 # Failed listening on port 6379 (tcp), aborting.",
            line: 2,
            says: "7:M 20 Nov 2026 10:00:00.001 # Warning: Could not create server TCP listening socket *:6379: bind: Address already in use",
            kind: Kind::AddressInUse { port: port(6379) },
        },
        Case {
            log: "2026/11/20 10:00:00 listen tcp :8080: bind: address already in use\nexit status 1",
            line: 1,
            says: "2026/11/20 10:00:00 listen tcp :8080: bind: address already in use",
            kind: Kind::AddressInUse { port: port(8080) },
        },
        Case {
            log: "***************************\nAPPLICATION FAILED TO START\n***************************\n\nDescription:\n\nWeb server failed to start. Port 8080 was already in use.\n\nAction:\n\nIdentify and stop the process that's listening on port 8080 or configure this application to listen on another port.",
            line: 7,
            says: "Web server failed to start. Port 8080 was already in use.",
            kind: Kind::AddressInUse { port: port(8080) },
        },
        Case {
            log: "Error: Os { code: 98, kind: AddrInUse, message: \"Address already in use\" }",
            line: 1,
            says: "Error: Os { code: 98, kind: AddrInUse, message: \"Address already in use\" }",
            kind: Kind::AddressInUse { port: None },
        },
    ]);
}

#[test]
fn panics_and_exceptions_of_other_languages_are_read() {
    check(&[
        Case {
            log: "thread 'main' panicked at src/main.rs:42:10:\ncalled `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            line: 1,
            says: "thread 'main' panicked at src/main.rs:42:10: called `Result::unwrap()` on an `Err` value: Os { code: 2, kind: NotFound, message: \"No such file or directory\" }",
            kind: Kind::Other,
        },
        Case {
            log: "thread 'main' panicked at 'boom', src/main.rs:2:5\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
            line: 1,
            says: "thread 'main' panicked at 'boom', src/main.rs:2:5",
            kind: Kind::Other,
        },
        Case {
            log: "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47b3c5]\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:9 +0x1d\nexit status 2",
            line: 1,
            says: "panic: runtime error: invalid memory address or nil pointer dereference",
            kind: Kind::Other,
        },
        Case {
            log: "panic: dial tcp 127.0.0.1:5432: connect: connection refused\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:14 +0x65",
            line: 1,
            says: "panic: dial tcp 127.0.0.1:5432: connect: connection refused",
            kind: Kind::Unreachable,
        },
        Case {
            log: "Exception in thread \"main\" java.lang.RuntimeException: cannot start\n\tat com.example.Main.main(Main.java:12)\nCaused by: java.net.ConnectException: Connection refused: localhost/127.0.0.1:5432\n\tat java.base/sun.nio.ch.Net.connect0(Native Method)\n\t... 1 more",
            line: 1,
            says: "Exception in thread \"main\" java.lang.RuntimeException: cannot start",
            kind: Kind::Unreachable,
        },
        Case {
            log: "Unhandled exception. System.IO.IOException: Failed to bind to address http://127.0.0.1:5000: address already in use.\n ---> Microsoft.AspNetCore.Connections.AddressInUseException: Address already in use\n   at Microsoft.AspNetCore.Server.Kestrel.Core.Internal.AddressBinder.BindEndpointAsync()",
            line: 1,
            says: "Unhandled exception. System.IO.IOException: Failed to bind to address http://127.0.0.1:5000: address already in use.",
            kind: Kind::AddressInUse { port: port(5000) },
        },
        Case {
            log: "/app/app.rb:1:in 'Kernel#require': cannot load such file -- sinatra (LoadError)\n\tfrom /app/app.rb:1:in '<main>'",
            line: 1,
            says: "/app/app.rb:1:in 'Kernel#require': cannot load such file -- sinatra (LoadError)",
            kind: module(Ecosystem::Other, "sinatra"),
        },
        Case {
            log: "error: linking with `cc` failed: exit status: 1\nerror: could not compile `demo` (bin \"demo\") due to 1 previous error",
            line: 2,
            says: "error: could not compile `demo` (bin \"demo\") due to 1 previous error",
            kind: Kind::Syntax,
        },
    ]);
    let panic = read("thread 'x' (7) panicked at a.rs:1:1:\nno").last_error;
    assert_eq!(panic.expect("a panic").form, LogErrorForm::Panic);
}

#[test]
fn a_line_that_only_announces_an_error_is_completed() {
    check(&[
        Case {
            log: "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> 'maxmemori \"1\"'\nBad directive or wrong number of arguments",
            line: 2,
            says: "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) *** >>> 'maxmemori \"1\"' Bad directive or wrong number of arguments",
            kind: Kind::Known,
        },
        Case {
            log: "7:M 20 Nov 2026 16:12:17.615 # Wrong signature trying to load DB from file\n7:M 20 Nov 2026 16:12:17.615 # Fatal error loading the DB: Invalid argument. Exiting.",
            line: 1,
            says: "7:M 20 Nov 2026 16:12:17.615 # Wrong signature trying to load DB from file",
            kind: Kind::Other,
        },
        Case {
            log: "failed to load config from /app/vite.config.js\nerror when starting dev server:\nError: Build failed with 1 error:\nvite.config.js:3:0: ERROR: Unexpected \"}\"\n    at failureErrorWithLog (/app/node_modules/esbuild/lib/main.js:1472:15)",
            line: 3,
            says: "Error: Build failed with 1 error: vite.config.js:3:0: ERROR: Unexpected \"}\"",
            kind: Kind::Other,
        },
    ]);
}

#[test]
fn the_location_that_a_compiler_draws_is_included() {
    let log = "Error: Build failed with 1 error:\n\n[PARSE_ERROR] Expected `}` but found `EOF`\n   ╭─[ vite.config.js:4:1 ]\n   │\n    at aggregateBindingErrorsIntoJsError (file:///app/node_modules/rolldown/x.mjs:1:1)";
    let error = read(log).last_error.expect("an error");
    assert_eq!(
        error.line.text,
        "Error: Build failed with 1 error: [PARSE_ERROR] Expected `}` but found `EOF` [ vite.config.js:4:1 ]"
    );
}

#[test]
fn launchers_name_the_missing_program() {
    check(&[
        Case {
            log: "> app@1.0.0 dev\n> vite\n\nsh: 1: vite: not found\nnpm error Lifecycle script `dev` failed with error:\nnpm error code 127\nnpm error path /app\nnpm error workspace app@1.0.0\nnpm error location /app\nnpm error command failed\nnpm error command sh -c vite",
            line: 4,
            says: "sh: 1: vite: not found",
            kind: named(|name| Kind::ProgramMissing { name }, "vite"),
        },
        Case {
            log: "bash: line 1: uvicorn: command not found",
            line: 1,
            says: "bash: line 1: uvicorn: command not found",
            kind: named(|name| Kind::ProgramMissing { name }, "uvicorn"),
        },
        Case {
            log: "'vite' is not recognized as an internal or external command,\noperable program or batch file.",
            line: 1,
            says: "'vite' is not recognized as an internal or external command,",
            kind: named(|name| Kind::ProgramMissing { name }, "vite"),
        },
        Case {
            log: "npm error Missing script: \"dev\"\nnpm error\nnpm error To see a list of scripts, run:\nnpm error   npm run\nnpm error A complete log of this run can be found in: /root/.npm/_logs/x.log",
            line: 1,
            says: "npm error Missing script: \"dev\"",
            kind: named(|name| Kind::ScriptMissing { name }, "dev"),
        },
        Case {
            log: "npm ERR! code ENOENT\nnpm ERR! syscall open\nnpm ERR! path /app/package.json\nnpm ERR! errno -2\nnpm ERR! enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/app/package.json'\nnpm ERR! enoent This is related to npm not being able to find a file.\nnpm ERR! enoent",
            line: 5,
            says: "npm ERR! enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/app/package.json'",
            kind: named(|path| Kind::FileMissing { path }, "/app/package.json"),
        },
        Case {
            log: "ERROR:    Error loading ASGI app. Could not import module \"main\".",
            line: 1,
            says: "ERROR:    Error loading ASGI app. Could not import module \"main\".",
            kind: own_module(Ecosystem::Python, "main"),
        },
    ]);
}

#[test]
fn secrets_in_an_error_are_masked() {
    let read = read(
        "sqlalchemy.exc.OperationalError: could not connect to postgres://app:hunter2@localhost:5432/x",
    );
    let error = read.last_error.expect("an error");
    assert!(!error.line.text.contains("hunter2"), "{}", error.line.text);
    assert_eq!(read.unreachable[0].to_string(), "localhost:5432");
    assert!(!read.unreachable[0].line.text.contains("hunter2"));
}

#[test]
fn an_error_has_its_age_and_the_number_of_following_lines() {
    let read = read("ERROR: first\nfine\nERROR: second\nERROR: second\nfine\nfine");
    let last = read.last_error.expect("an error");
    assert_eq!((last.line.number, last.line.followed_by), (4, 2));
    assert_eq!(last.line.age.map(|age| age.as_secs()), Some(996));
    let earlier: Vec<_> = read.earlier.iter().map(|error| error.line.number).collect();
    assert_eq!(earlier, [1], "each text once");
    assert_eq!(read.last_line.map(|line| line.number), Some(6));
}

#[test]
fn a_trace_is_read_without_the_prefixes_of_a_runner() {
    for mark in ["web_1  | ", "[server] ", "10:00:00 web.1  | "] {
        let lines = [
            "Traceback (most recent call last):",
            "  File \"/app/manage.py\", line 10, in main",
            "ModuleNotFoundError: No module named 'django'",
        ];
        let log = lines.map(|line| format!("{mark}{line}")).join("\n");
        let error = read(&log).last_error.expect("an error");
        assert!(
            matches!(&error.kind, Kind::ModuleMissing { name, .. } if name == "django"),
            "{error:?}"
        );
        assert_eq!(error.line.number, 3);
    }
}

#[test]
fn the_level_of_a_line_is_not_the_name_of_a_program() {
    let error = read("[info] started\n[error] it broke").last_error;
    assert_eq!(error.expect("an error").line.text, "[error] it broke");
}

#[test]
fn the_last_line_is_neither_a_frame_nor_a_launcher_message() {
    let log = "  Command \"horizon\" is not defined.\n\n  at vendor/Application.php:737\n\nBUILD FAILED in 3s";
    let last = read(log).last_line.expect("a line");
    assert_eq!(last.text, "Command \"horizon\" is not defined.");
}

#[test]
fn a_message_of_several_lines_is_shown_by_the_line_that_tells() {
    check(&[
        Case {
            log: "PrismaClientKnownRequestError: \nInvalid `prisma.post.findMany()` invocation:\n\nThe table `public.Post` does not exist in the current database.\n    at $n.handleRequestError (/app/library.js:121:7315) {\n  code: 'P2021'\n}",
            line: 4,
            says: "The table `public.Post` does not exist in the current database.",
            kind: named(|name| Kind::TableMissing { name }, "public.Post"),
        },
        Case {
            log: "** (Mix) Could not start application shop: Shop.Application.start(:normal, []) returned an error: shutdown: failed to start child: ShopWeb.Endpoint\n    ** (EXIT) shutdown: failed to start child: Phoenix.PubSub.PG2\n        ** (EXIT) an exception was raised:\n            ** (RuntimeError) no such table",
            line: 4,
            says: "** (RuntimeError) no such table",
            kind: Kind::Other,
        },
    ]);
}

#[test]
fn a_compiler_that_begins_with_the_place_reports_an_error() {
    let log = "# example.com/shop\n./main.go:14:2: undefined: handler";
    check(&[Case {
        log,
        line: 2,
        says: "./main.go:14:2: undefined: handler",
        kind: Kind::Syntax,
    }]);
}

#[test]
fn a_missing_module_is_the_cause_though_the_last_exception_mentions_a_variable() {
    let log = "Traceback (most recent call last):\n  File \"/app/manage.py\", line 11, in main\n    from django.core.management import x\nModuleNotFoundError: No module named 'django'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/app/manage.py\", line 13, in main\n    raise ImportError(\nImportError: Couldn't import Django. Are you sure it's installed and available on your PYTHONPATH environment variable?";
    let error = read(log).last_error.expect("an error");
    assert_eq!(error.kind, module(Ecosystem::Python, "django"));
}
