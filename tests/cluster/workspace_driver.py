"""Runs a cell in a workspace as a browser would, through its session server. Run in the proxy's pod: URL TOKEN, cell on
standard input; prints what the cell printed.
"""

import asyncio
import json
import sys
from uuid import uuid4

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

URL, TOKEN = sys.argv[1], sys.argv[2]
HEADERS = {"Authorization": f"token {TOKEN}", "Content-Type": "application/json"}
SECONDS = 90


async def main(cell: str) -> str:
    kernel = await start()
    address = f"{URL.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels"
    channels = await websocket_connect(HTTPRequest(address, headers=HEADERS))
    try:
        return await asyncio.wait_for(printed(channels, cell), SECONDS)
    finally:
        await AsyncHTTPClient().fetch(f"{URL}/api/kernels/{kernel}", method="DELETE", headers=HEADERS)


async def start() -> str:
    body = json.dumps({"name": "python3"})
    answer = await AsyncHTTPClient().fetch(
        f"{URL}/api/kernels", method="POST", headers=HEADERS, body=body, request_timeout=SECONDS
    )
    return str(json.loads(answer.body)["id"])


async def printed(channels: WebSocketClientConnection, cell: str) -> str:
    asked = uuid4().hex
    header = {"msg_id": asked, "msg_type": "execute_request", "username": "", "session": uuid4().hex, "version": "5.3"}
    content = {"code": cell, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    request = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    await channels.write_message(json.dumps(request))
    text = ""
    while True:
        message = json.loads(await channels.read_message() or "{}")
        if message.get("parent_header", {}).get("msg_id") != asked:
            continue
        kind, said = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            text += said["text"]
        elif kind == "error":
            text += f"{said['ename']}: {said['evalue']}\n"
        elif kind == "status" and said["execution_state"] == "idle":
            return text


sys.stdout.write(asyncio.run(main(sys.stdin.read())))
