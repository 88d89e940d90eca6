"""Drives `pilotlight mcp` with the client of the Python SDK, in both versions of the protocol."""

import asyncio
import os
import sys

from mcp import Client, StdioServerParameters


async def drive(server: str, mode: str) -> None:
    parameters = StdioServerParameters(command=server, args=["mcp"], env=dict(os.environ))
    async with Client(parameters, mode=mode) as client:
        tools = (await client.list_tools()).tools
        assert {"start", "stop", "diagnose"} <= {tool.name for tool in tools}, tools
        assert all(tool.annotations is not None for tool in tools), tools
        did = []
        started = await client.call_tool("start", {})
        assert started.structured_content["ok"], started
        did.append("started")
        logs = await client.call_tool("logs", {})
        assert "only a test" in logs.content[0].text and logs.structured_content is None, logs
        did.append("seen")
        refused = await client.call_tool("status", {"stack": "/"})
        assert refused.is_error, refused
        did.append("refused")
        page = await client.read_resource("pilotlight://finding/hung")
        assert "hung" in page.contents[0].text, page
        prompt = await client.get_prompt("bring_up")
        assert prompt.messages, prompt
        stopped = await client.call_tool("stop", {})
        assert stopped.structured_content["ok"], stopped
        did.append("stopped")
        print(f"{client.protocol_version}: {', '.join(did)}")


async def main() -> None:
    for mode in ("legacy", "auto"):
        await asyncio.wait_for(drive(sys.argv[1], mode), 60)


asyncio.run(main())
