//! Any content of any file leads to a valid stack file, without a panic.

use proptest::prelude::*;

use super::*;

const FILES: [&str; 12] = [
    "Procfile",
    ".env",
    "compose.yaml",
    "compose.override.yaml",
    "process-compose.yaml",
    "pitchfork.toml",
    "ecosystem.config.js",
    "ecosystem.json",
    "package.json",
    ".vscode/tasks.json",
    ".vscode/launch.json",
    "Dockerfile",
];

/// Pieces of such files.
const PIECES: [&str; 72] = [
    "services:\n",
    "  web:\n",
    "  db:\n",
    "    image: redis:7\n",
    "    build: .\n",
    "    build: {context: ./a, target: x}\n",
    "    command: uvicorn a:b --port 8000\n",
    "    command: [\"sh\", \"-c\", \"x | y\"]\n",
    "    ports: ['80:80', \"${P:-1}:2\"]\n",
    "    environment: {A: 'http://db:80', B: $X, C: \"{\", D: }\n",
    "    environment: [A=db, B]\n",
    "    depends_on: [db, web]\n",
    "    depends_on: {db: {condition: service_completed_successfully}}\n",
    "    healthcheck: {test: [CMD, curl, 'http://localhost:80/{'], interval: 0s}\n",
    "    extends: db\n",
    "    <<: *a\n",
    "x: &a {image: b}\n",
    "    volumes: ['a:/b', './c:/d:ro', {type: tmpfs, target: /x}]\n",
    "processes:\n",
    "    availability: {restart: always}\n",
    "    readiness_probe: {http_get: {port: 80, path: a}}\n",
    "    readiness_probe: {exec: {command: '{x}'}}\n",
    "    shutdown: {signal: 99, timeout_seconds: -1}\n",
    "    ready_log_line: '[('\n",
    "[daemons.a]\n",
    "[daemons.\"b c\"]\n",
    "run = \"x --port 70000\"\n",
    "run = 'cd .. && A=1 b {c}'\n",
    "depends = ['a', 'b c']\n",
    "retry = -1\n",
    "ready_output = '('\n",
    "ready_http = 'nonsense'\n",
    "port = 0\n",
    "port = 3000\n",
    "env = { 'A B' = \"\\u0000\" }\n",
    "web: PORT=$PORT x\n",
    "release: y\n",
    "a_b-c: cd x && z > ${HOME}\n",
    ": x\n",
    "PORT=99999\n",
    "PORT=3000\n",
    "A='b\n",
    "module.exports = {",
    "apps: [{",
    "name: 'a'",
    ",",
    "script: `x ${y}`",
    "script: 'b.js'",
    "args: [1, 'c d', z]",
    "env: { PORT: 80, \"A\": {} }",
    "cwd: path.join(__dirname, '..')",
    "}]",
    "}",
    "{",
    "[",
    "]",
    "\"scripts\": {",
    "\"dev\": \"concurrently -n a,b \\\"npm:x-*\\\" 'y z'\"",
    "\"dev\": \"npm-run-all a --parallel **\"",
    "\"x-y\": \"run-p x-y\"",
    "\"tasks\": [",
    "\"label\": \"a\"",
    "\"isBackground\": true",
    "\"command\": \"x {\"",
    "\"dependsOn\": [\"a\"]",
    "\"configurations\": [",
    "\"type\": \"node\"",
    "\"program\": \"${file}/${env:A}\"",
    "\n",
    "\t",
    "é\u{0}",
    "  ",
];

fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(&PIECES[..]), 0..24);
    prop_oneof![
        6 => pieces.prop_map(|pieces| pieces.concat()),
        1 => "\\PC{0,200}",
        1 => any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_files_lead_to_a_valid_stack_file(
        files in prop::collection::vec((prop::sample::select(&FILES[..]), text()), 1..5),
        engine in any::<bool>(),
    ) {
        let host = with(if engine { &["docker"] } else { &[] });
        let mut listing = Listing::new("project", host);
        for (path, text) in files {
            listing.add(path, Some(&text));
        }
        let combined = draft(&listing);
        if !combined.draft.services.is_empty() {
            parsed(&render(&combined.draft));
        }
    }
}
