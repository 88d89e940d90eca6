//! The proving run: `init` starts the written stack, and corrects its file by the running processes.

use serde_json::Value;

use crate::{
    place::{Place, free_ports, get, repository},
    script::Terminal,
};

/// A number as a sum, which no reader of source takes for a port.
fn hidden(port: u16) -> String {
    format!("{} + {}", port - 7, 7)
}

fn node(port: u16, listens: &str) -> String {
    let port = hidden(port);
    format!(
        "const http = require('http');\n\
         http.createServer((request, response) => response.end('ok')).listen({port}, {listens});\n"
    )
}

fn port(place: &Place, name: &str) -> Option<u64> {
    let services = place.services();
    let service = services.iter().find(|service| service["name"] == name);
    let service = service.unwrap_or_else(|| panic!("no {name} in {services:#?}"));
    service["port"].as_u64()
}

fn needs(place: &Place, name: &str) -> Value {
    let services = place.services();
    let service = services.iter().find(|service| service["name"] == name);
    service.unwrap()["needs"].clone()
}

#[test]
fn fastapi_and_vite_of_a_readme_are_proved_with_the_port_of_the_run() {
    let place = Place::new();
    let [backend, frontend] = free_ports();
    let nexus = repository().join("examples/nexus");
    place.write(
        "README.md",
        &format!(
            "# Shop\n\n## Development\n\nTerminal 1:\n\n```sh\ncd backend\n.venv/bin/python serve.py\n```\n\n\
             Terminal 2:\n\n```sh\ncd frontend\nnpm run dev -- --port {frontend}\n```\n"
        ),
    );
    place.write(
        "backend/serve.py",
        &format!(
            "import uvicorn\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\
             @app.get(\"/\")\ndef root():\n    return \"ok\"\n\n\
             uvicorn.run(app, port={})\n",
            hidden(backend)
        ),
    );
    place.write(
        "frontend/package.json",
        r#"{ "name": "shop", "private": true, "scripts": { "dev": "vite" } }"#,
    );
    place.write("frontend/index.html", "<title>Shop</title>\n");
    place.link(&nexus.join("backend/.venv"), "backend/.venv");
    place.link(
        &nexus.join("frontend/node_modules"),
        "frontend/node_modules",
    );
    let (_, err) = place.expect(&["init", "--prove"], 0);
    assert!(
        err.contains(&format!("backend listens on {backend}")),
        "{err}"
    );
    assert!(err.contains(&format!("localhost:{frontend}")), "{err}");
    assert_eq!(port(&place, "backend"), Some(backend.into()));
    assert_eq!(port(&place, "frontend"), Some(frontend.into()));
    assert_eq!(get(backend, "/").1, "\"ok\"");
    assert!(get(frontend, "/").1.contains("<title>Shop"));
    assert_eq!(place.until_green().len(), 2);
}

#[test]
fn a_worker_that_is_started_too_early_waits_for_its_server_after_the_proof() {
    let place = Place::new();
    let [web, declared] = free_ports();
    place.write(
        "Procfile.dev",
        &format!("web: PORT={declared} node web.js\nworker: python3 worker.py\n"),
    );
    // It is late, so that the worker finds nothing at first.
    place.write(
        "web.js",
        &format!(
            "setTimeout(() => {{\n{}}}, 1500);\n",
            node(web, "'127.0.0.1'")
        ),
    );
    place.write(
        "worker.py",
        &format!(
            "import socket, time\nwhile True:\n    try:\n        \
             connection = socket.create_connection((\"127.0.0.1\", {}))\n        break\n    \
             except OSError as error:\n        print(\"cannot connect to 127.0.0.1:{web}:\", error, flush=True)\n        \
             time.sleep(0.2)\nwhile True:\n    time.sleep(1)\n",
            hidden(web)
        ),
    );
    let (_, err) = place.expect(&["init", "--prove"], 0);
    assert!(
        err.contains(&format!("web listens on {web}, not {declared}")),
        "{err}"
    );
    assert!(err.contains("web, and does not wait for it"), "{err}");
    assert_eq!(port(&place, "web"), Some(web.into()));
    assert_eq!(needs(&place, "worker"), serde_json::json!(["web"]));
    assert_eq!(place.until_green(), ["web", "worker"]);
}

#[test]
fn the_programs_of_start_scripts_of_windows_are_proved_and_the_scripts_never_run() {
    let place = Place::new();
    let [api, web] = free_ports();
    place.write(
        "start_all.ps1",
        &format!(
            "New-Item ran\nSet-Location $PSScriptRoot\n\
             Start-Process powershell -ArgumentList \"-NoExit\", \"-Command\", \"cd api; node server.js\"\n\
             Start-Process powershell -ArgumentList \"-NoExit\", \"-Command\", \"cd web; python3 -m http.server {web}\"\n"
        ),
    );
    place.write(
        "start.bat",
        "@echo off\r\necho ran > ran\r\npowershell -ExecutionPolicy Bypass -File start_all.ps1\r\n",
    );
    place.write("api/server.js", &node(api, "'127.0.0.1'"));
    place.write("web/index.html", "<title>Page</title>\n");
    let (_, err) = place.expect(&["init", "--prove"], 0);
    assert!(err.contains(&format!("api listens on {api}")), "{err}");
    assert_eq!(port(&place, "api"), Some(api.into()));
    assert_eq!(port(&place, "web"), Some(web.into()));
    assert!(get(web, "/").1.contains("<title>Page"));
    assert!(!place.folder().join("ran").exists(), "a script has run");
}

#[test]
fn a_stack_that_does_not_start_fails_its_proof_and_keeps_its_file() {
    let place = Place::new();
    place.write("Procfile", "web: sh -c 'exit 3'\n");
    let (_, err) = place.expect(&["init", "--prove"], 1);
    assert!(err.contains("failed to start"), "{err}");
    let text = place.read("pilotlight.toml");
    place.expect(&["init", "--prove"], 1);
    assert_eq!(place.read("pilotlight.toml"), text);
}

#[test]
fn on_a_terminal_one_key_applies_a_change() {
    let place = Place::new();
    let [web, declared] = free_ports();
    place.write("Procfile", &format!("web: PORT={declared} node web.js\n"));
    place.write("web.js", &node(web, "'127.0.0.1'"));
    let mut terminal = Terminal::start(&place.command(&["init"]), &place.folder());
    terminal.answer("Start it now? [Y/n]", "\n");
    terminal.answer("Change the file and start again? [Y/n]", "\n");
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert!(drawn.contains(&format!("localhost:{web}")), "{drawn}");
    let text = place.read("pilotlight.toml");
    assert!(
        text.contains(&format!("port = {web}  # it listens there")),
        "{text}"
    );
}

#[test]
fn on_a_terminal_a_change_can_be_declined() {
    let place = Place::new();
    let [web] = free_ports();
    place.write("Procfile", "web: node web.js\n");
    place.write("web.js", &node(web, "'127.0.0.1'"));
    let mut terminal = Terminal::start(&place.command(&["init"]), &place.folder());
    terminal.answer("Start it now?", "y\n");
    terminal.until_it_shows("Change the file and start again?");
    let text = place.read("pilotlight.toml");
    terminal.press("n\n");
    let (code, drawn) = terminal.end();
    assert_eq!(code, Some(0), "{drawn}");
    assert_eq!(place.read("pilotlight.toml"), text);
}
