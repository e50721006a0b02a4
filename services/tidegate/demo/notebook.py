"""Runs cells in a person's workspace, through the session server's own routes, as JupyterLab does in a browser."""

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import websocket

from tidegate.demo.browser import Person
from tidegate.model import TidegateError

ANSWER_SECONDS = 120.0


class Notebook:
    """One kernel of one workspace. `base` is the workspace's address, ending in ``/``."""

    def __init__(self, person: Person, base: str) -> None:
        self._person, self._base = person, base
        self._session = uuid.uuid4().hex
        self._kernel = self._start()
        self._socket = self._connect()

    def run(self, code: str) -> str:
        """What the cell printed.

        Raises:
            TidegateError: ``cell_failed`` with the name of the exception.
        """
        asked = self.send(code)
        printed: list[str] = []
        for answer in self._answers(asked):
            kind, content = answer["msg_type"], answer["content"]
            if kind == "stream":
                printed.append(content["text"])
            elif kind == "error":
                raise TidegateError("cell_failed", f"The cell raised {content['ename']}: {content['evalue']}")
            elif kind == "status" and content["execution_state"] == "idle":
                return "".join(printed)
        raise TidegateError("cell_silent", f"The kernel gave no answer within {ANSWER_SECONDS:.0f} s.")

    def send(self, code: str) -> str:
        """Have a cell run, without waiting for it; the number its answers bear."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": True,
        }
        message = self._message("execute_request", content)
        self._socket.send(json.dumps(message))
        return str(message["header"]["msg_id"])

    def close(self) -> None:
        self._socket.close()
        self._person.http.delete(f"{self._base}api/kernels/{self._kernel}", headers=self._headers())

    def _start(self) -> str:
        response = self._person.http.post(f"{self._base}api/kernels", json={"name": "python3"}, headers=self._headers())
        if response.status_code != 201:  # noqa: PLR2004 - Created
            raise TidegateError("kernel_refused", f"No kernel started: {response.status_code} {response.text[:200]}")
        return str(response.json()["id"])

    def _connect(self) -> websocket.WebSocket:
        host, _, path = self._base.removeprefix("http://").partition("/")
        port = host.rpartition(":")[2]
        return websocket.create_connection(
            f"ws://127.0.0.1:{port}/{path}api/kernels/{self._kernel}/channels?session_id={self._session}",
            host=host,
            origin=f"http://{host}",
            cookie=self._person.cookies_for(self._base),
            timeout=ANSWER_SECONDS,
        )

    def _headers(self) -> dict[str, str]:
        """Jupyter's own cross-site token, as its page sends it back."""
        cookies = self._person.http.cookies.jar
        token = next((c.value for c in cookies if c.name == "_xsrf" and c.path in self._base), "")
        return {"X-XSRFToken": token or "", "Origin": "/".join(self._base.split("/")[:3])}

    def _message(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        header = {
            "msg_id": uuid.uuid4().hex,
            "username": "",
            "session": self._session,
            "msg_type": kind,
            "version": "5.3",
            "date": "2026-01-01T00:00:00Z",
        }
        return {
            "header": header,
            "parent_header": {},
            "metadata": {},
            "content": content,
            "channel": "shell",
            "buffers": [],
        }

    def _answers(self, asked: str) -> Iterator[dict[str, Any]]:
        deadline = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < deadline:
            answer = json.loads(self._socket.recv())
            if answer.get("channel") == "iopub" and answer["parent_header"].get("msg_id") == asked:
                yield {"msg_type": answer["header"]["msg_type"], "content": answer["content"]}
