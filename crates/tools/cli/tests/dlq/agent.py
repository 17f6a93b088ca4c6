"""A client of an MCP server, on the protocol's own SDK. The server's command line is its arguments, the calls are JSON on
its standard input, and what it got is JSON on its standard output."""

import asyncio
import json
import os
import sys

from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client


async def main() -> None:
    calls = json.load(sys.stdin)
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    noise: list[str] = []

    async def heard(message: object) -> None:
        # A line that is no message of the protocol.
        if isinstance(message, Exception):
            noise.append(str(message))

    async with stdio_client(server) as (read, write):
        async with ClientSession(read, write, read_timeout_seconds=180, message_handler=heard) as session:
            hello = await session.initialize()
            tools = (await session.list_tools()).tools
            answers = []
            for tool, arguments in calls:
                try:
                    result = await session.call_tool(tool, arguments)
                except MCPError as error:
                    answers.append({"refused": str(error)})
                    continue
                text = "".join(block.text for block in result.content)
                if result.is_error:
                    answers.append({"error": text})
                else:
                    answers.append(json.loads(text) | {"bytes": len(text.encode())})
    json.dump(
        {
            "server": hello.server_info.name,
            "tools": {tool.name: tool.input_schema for tool in tools},
            "looks": [tool.name for tool in tools if tool.annotations.read_only_hint],
            "answers": answers,
            "noise": noise,
        },
        sys.stdout,
    )


asyncio.run(main())
