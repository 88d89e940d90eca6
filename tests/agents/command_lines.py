"""Drives `pilotlight mcp` with the command lines of Claude Code and Codex, without an account.

Their model is a stand-in on this machine: it calls some tools, one after the other, and keeps what the client shows it.
Nothing leaves the machine: every other address is behind a proxy that does not exist. `cargo xtask agents` runs it.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CALLS = ["status", "start", "logs", "stop"]

STACK = """
[service.talker]
command = ["sh", "-c", "echo talker begins; exec sleep 1000"]
ready = { log = "begins" }
"""


class Model:
    """The tools and results that the stand-in model has received, and its next call."""

    def __init__(self) -> None:
        self.tools: dict[str, dict] = {}
        self.instructions = ""
        self.results: list[str] = []

    def next(self, results: list[str]) -> str | None:
        self.results = max(self.results, results, key=len)
        left = CALLS[len(results) :]
        return left[0] if left and left[0] in self.tools else None

    def anthropic(self, request: dict) -> list[dict]:
        """Returns the events of an answer, as in https://docs.anthropic.com/en/api/messages-streaming."""
        for tool in request.get("tools", []):
            server, _, name = tool.get("name", "").rpartition("__")
            if server == "mcp__pilotlight":
                self.tools[name] = tool
        # Claude Code passes the server's instructions on in a user message.
        self.instructions += json.dumps(request["messages"])
        blocks = [block for message in request["messages"] for block in content_of(message)]
        results = [text_of(block.get("content")) for block in blocks if block["type"] == "tool_result"]
        call = self.next(results) if request.get("tools") else None
        if call:
            name = f"mcp__pilotlight__{call}"
            block = {"type": "tool_use", "id": f"toolu_{len(results)}", "name": name, "input": {}}
            delta, reason = {"type": "input_json_delta", "partial_json": "{}"}, "tool_use"
        else:
            block = {"type": "text", "text": ""}
            delta, reason = {"type": "text_delta", "text": "done"}, "end_turn"
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "stand-in", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        }
        return [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ]

    def openai(self, request: dict) -> list[dict]:
        """Returns the events of an answer, as in https://platform.openai.com/docs/api-reference/responses-streaming."""
        space = None
        for tool in request.get("tools", []):
            if "pilotlight" in tool.get("name", ""):
                space = tool["name"]
                self.instructions += tool.get("description", "")
                self.tools |= {each["name"].rpartition("__")[2]: each for each in tool.get("tools", [tool])}
        outputs = [item["output"] for item in request["input"] if item["type"] == "function_call_output"]
        # Codex puts the duration before the output.
        results = [text_of(output).partition("Output:")[2].lstrip() for output in outputs]
        call = self.next(results)
        if call:
            item = {
                "type": "function_call", "id": f"fc_{len(results)}", "call_id": f"call_{len(results)}",
                "name": call, "namespace": space, "arguments": "{}",
            }
        else:
            text = {"type": "output_text", "text": "done"}
            item = {"type": "message", "role": "assistant", "id": "msg_1", "content": [text]}
        usage = {
            "input_tokens": 1, "input_tokens_details": None, "output_tokens": 1,
            "output_tokens_details": None, "total_tokens": 2,
        }
        return [
            {"type": "response.created", "response": {"id": "resp_1"}},
            {"type": "response.output_item.done", "item": item},
            {"type": "response.completed", "response": {"id": "resp_1", "usage": usage}},
        ]


def content_of(message: dict) -> list[dict]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def text_of(content: object) -> str:
    """Returns the text of a result, which is a text or a list of blocks."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content if isinstance(content, str) else json.dumps(content)


def serve(model: Model) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "count_tokens" in self.path:
                return self.answer("application/json", '{"input_tokens": 1}')
            events = model.openai(request) if "responses" in self.path else model.anthropic(request)
            lines = (f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
            self.answer("text/event-stream", "".join(lines))

        def do_GET(self) -> None:
            self.send_error(404)

        do_HEAD = do_GET

        def answer(self, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def drive(title: str, install: list[str], command: list[str], clients: Path, pilotlight: Path) -> None:
    model = Model()
    server = serve(model)
    address = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as folder:
        home, project = Path(folder, "home"), Path(folder, "project")
        for path in (home / ".codex", project):
            path.mkdir(parents=True)
        (project / "pilotlight.toml").write_text(STACK)
        (home / ".codex/config.toml").write_text(
            'model = "stand-in"\nmodel_provider = "stand-in"\napproval_policy = "never"\n'
            f'[model_providers.stand-in]\nname = "stand-in"\nbase_url = "{address}/v1"\nenv_key = "STAND_IN_KEY"\n'
        )
        nowhere = "http://127.0.0.1:9"
        environment = {
            "PATH": os.pathsep.join([str(pilotlight.parent), os.environ["PATH"]]),
            "HOME": str(home),
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "NO_PROXY": "127.0.0.1,localhost",
            "STAND_IN_KEY": "none",
            "ANTHROPIC_BASE_URL": address,
            "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "ENABLE_TOOL_SEARCH": "false",
        }

        def run(words: list[str]) -> subprocess.CompletedProcess:
            return subprocess.run(
                words, cwd=project, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
            )

        try:
            installed = run([str(pilotlight), "mcp", "install", *install])
            assert installed.returncode == 0, installed
            version = run([str(clients / command[0]), "--version"]).stdout.strip()
            ran = run([str(clients / command[0]), *command[1:]])
            said = f"{ran.stdout}\n{ran.stderr}"
            assert len(model.tools) >= 12, f"the model received {sorted(model.tools)}\n{said}"
            assert "call `diagnose` first" in model.instructions, said
            assert len(model.results) == len(CALLS), f"the model received {model.results}\n{said}"
            status, start, logs, stop = model.results
            assert json.loads(status)["state"] == "stopped", status
            assert json.loads(start)["ok"] is True, start
            assert json.loads(start)["services"][0]["name"] == "talker", start
            assert "talker begins" in logs and not logs.startswith("{"), logs
            assert json.loads(stop)["ok"] is True, stop
            events = run([str(pilotlight), "events"]).stdout
            by = events.partition("started by ")[2].partition(" (PID")[0]
            assert by.startswith(title), events
            print(f"{version}: {len(model.tools)} tools; called {', '.join(CALLS)}; events name it {by!r}")
        finally:
            run([str(pilotlight), "down", "--all"])
            server.shutdown()


def main() -> None:
    pilotlight, clients = (Path(word).resolve() for word in sys.argv[1:3])
    tools = ",".join(f"mcp__pilotlight__{call}" for call in CALLS)
    claude = ["claude", "-p", "hello", "--strict-mcp-config", "--mcp-config", ".mcp.json", "--allowedTools", tools]
    drive("Claude Code", ["claude"], claude, clients, pilotlight)
    drive("Codex", ["codex", "--user"], ["codex", "exec", "--skip-git-repo-check", "hello"], clients, pilotlight)


main()
