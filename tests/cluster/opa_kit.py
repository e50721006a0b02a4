"""A real OPA server with the shipped configuration, and a place to publish bundles; on loopback only.

The arguments and files are those of the chart, with its folders laid under one of the test's.
"""

import http.server
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cluster import programs
from cluster.places import BIN, REPOSITORY
from tidegate.objects.s3 import S3Key
from tidegate.policy.signature import Key, algorithm_of

SHIPPED = REPOSITORY / "charts" / "tidegate" / "files" / "opa"
OPA = BIN / "opa"
TOKEN = "the-callers-token-for-tests-0123456789"
BUCKET = "tidegate-bundles"
QUESTION = "/v1/data/tidegate/workspace_start/decision?strict-builtin-errors=True&provenance=True"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Store:
    """Serves one bucket over HTTP, with entity tags as an object store does. A `Shelf` for the publisher."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        handler = type("Handler", (_Handler,), {"objects": self.objects})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def write(self, name: str, content: bytes) -> None:
        self.objects[f"/{BUCKET}/{name}"] = content

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    objects: Mapping[str, bytes] = {}

    def do_GET(self) -> None:
        content = self.objects.get(self.path)
        tag = f'"{sha256(content or b"").hexdigest()}"'
        if content is None or "AWS4-HMAC-SHA256" not in self.headers.get("Authorization", ""):
            self._answer(404, b"", tag)
        elif self.headers.get("If-None-Match") == tag:
            self._answer(304, b"", tag)
        else:
            self._answer(200, content, tag)

    def _answer(self, status: int, content: bytes, tag: str) -> None:
        self.send_response(status)
        self.send_header("ETag", tag)
        self.send_header("Content-Type", "application/gzip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Opa:
    """One server. `folder` stands for the container's file system, `login` is for the store at `store`."""

    folder: Path
    store: str
    key: Key
    login: S3Key = field(default_factory=lambda: S3Key("reader", "secret"))
    port: int = field(default_factory=free_port)
    diagnostics: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def program(self) -> programs.Program:
        return programs.Program("opa", self._command(), self.folder, environment=self._environment())

    def start(self) -> None:
        self._lay_out()
        programs.start(self.program)
        programs.wait_for("the OPA server", self._answers, 30, self.program)

    def stop(self) -> None:
        programs.stop(self.folder, "opa")

    def request(self, method: str, path: str, body: object = None, token: str | None = TOKEN) -> tuple[int, Any]:
        """Status and JSON of a request of any kind, as somebody on the pod's loopback could send it."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310 - loopback
                return reply.status, json.loads(reply.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def revision(self) -> str:
        """Of the bundle it decides from; empty where it has none."""
        _, reply = self.request("POST", QUESTION, {"input": {}})
        return str(reply.get("provenance", {}).get("bundles", {}).get("tidegate", {}).get("revision", ""))

    def log(self) -> str:
        return self.program.log.read_text("utf-8")

    def _answers(self) -> bool:
        try:
            return self.request("GET", "/health")[0] == 200
        except OSError:
            return False

    def _command(self) -> tuple[str, ...]:
        shipped = [self._placed(argument) for argument in yaml.safe_load((SHIPPED / "args.yaml").read_text("utf-8"))]
        often = [f"--set=bundles.tidegate.polling.{which}_delay_seconds=1" for which in ("min", "max")]
        return (str(OPA), shipped[0], *often, *shipped[1:])

    def _environment(self) -> dict[str, str]:
        return {
            "TIDEGATE_BUNDLE_STORE": self.store,
            "TIDEGATE_BUNDLE_BUCKET": BUCKET,
            "TIDEGATE_BUNDLE_REGION": "us-east-1",
            "TIDEGATE_BUNDLE_ALGORITHM": algorithm_of(self.key),
        }

    def _lay_out(self) -> None:
        for place in ("etc/opa", "run/secrets/opa", "var/lib/opa"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        for name in ("config.yaml", "authz.rego", "log.rego"):
            text = (SHIPPED / name).read_text("utf-8")
            (self.folder / "etc/opa" / name).write_text(self._placed(text) if name == "config.yaml" else text)
        (self.folder / "etc/opa/bundle.pem").write_bytes(public_half(self.key))
        secrets = self.folder / "run/secrets/opa"
        (secrets / "token.yaml").write_text(TOKEN)
        login = {"aws_access_key_id": self.login.access, "aws_secret_access_key": self.login.secret}
        lines = ["[default]", *(f"{name} = {value}" for name, value in login.items()), ""]
        (secrets / "credentials").write_text("\n".join(lines))
        self.token_file.write_text(TOKEN + "\n")

    def _placed(self, text: str) -> str:
        for place in ("/etc/opa", "/run/secrets/opa", "/var/lib/opa"):
            text = text.replace(place, str(self.folder) + place)
        return text.replace("127.0.0.1:8181", f"127.0.0.1:{self.port}").replace(
            "0.0.0.0:8282", f"127.0.0.1:{self.diagnostics}"
        )


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def public_half(key: Key) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
