"""Measures what coding agents cost: `python3 benches/agents.py target/release/pilotlight`. Linux only.

Ten worktrees of a repository are up at once under one daemon, each with three servers that are probed by HTTP.
Printed are the memory of the daemon (PSS), the time from the start of `pilotlight mcp` to its first answer, and the
time of a call of `status`: medians of seven servers and five calls to each.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKTREES, SERVICES, RUNS, CALLS = 10, 3, 7, 5
SETTLED = 5


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def worktrees(root: Path) -> list[Path]:
    """Creates worktrees as git does, all with the same stack file."""
    text = 'name = "bench"\n' + "".join(
        f'[service.s{number}]\ncommand = "{sys.executable} -m http.server {{port}} --bind 127.0.0.1"\n'
        f'port = {free_port()}\nready = {{ http = "/" }}\n'
        for number in range(SERVICES)
    )
    made = []
    for number in range(WORKTREES):
        own, folder = root / f"main/.git/worktrees/{number}", root / f"wt{number}"
        own.mkdir(parents=True)
        folder.mkdir()
        (own / "HEAD").write_text(f"ref: refs/heads/wt{number}\n")
        (own / "commondir").write_text("../..\n")
        (folder / ".git").write_text(f"gitdir: {own}\n")
        (folder / "pilotlight.toml").write_text(text)
        made.append(folder)
    return made


def serve(program: str, folder: Path, environment: dict) -> tuple[float, list[float]]:
    """Returns the time to a server's first answer, and the time of each call."""
    began = time.monotonic()
    server = subprocess.Popen(
        [program, "mcp"], cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )

    def ask(method: str, parameters: dict) -> str:
        server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}) + "\n")
        return server.stdout.readline()

    client = {"name": "bench", "version": "1"}
    ask("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client})
    first = time.monotonic() - began
    calls = []
    for _ in range(CALLS):
        began = time.monotonic()
        answer = ask("tools/call", {"name": "status", "arguments": {}})
        calls.append(time.monotonic() - began)
        assert f"all {SERVICES} ready" in answer, answer
    server.stdin.close()
    server.wait()
    return first, calls


def main() -> None:
    program = str(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="plb-") as folder:
        root = Path(folder)
        environment = {**os.environ, "PILOTLIGHT_HOME": str(root / "home")}

        def run(folder: Path, *words: str) -> None:
            subprocess.run([program, *words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)

        all_worktrees = worktrees(root)
        try:
            for worktree in all_worktrees:
                run(worktree, "up", "--detach")
            time.sleep(SETTLED)
            cards = list((root / "home").rglob("keeper.json"))
            pid = json.loads(cards[0].read_text())["pid"]
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
            runs = [serve(program, worktree, environment) for worktree in all_worktrees[:RUNS]]
        finally:
            run(all_worktrees[0], "down", "--all")
    first = statistics.median(first for first, _ in runs) * 1000
    call = statistics.median(call for _, calls in runs for call in calls) * 1000
    print(f"daemon of {WORKTREES} worktrees with {SERVICES} services each: {pss / 1024:.1f} MiB PSS (target: < 15 MiB)")
    print(f"`pilotlight mcp`, start to first answer: {first:.1f} ms (target: < 50 ms)")
    print(f"`status`, a call: {call:.2f} ms (target: < 5 ms)")


main()
