"""Asks a real API server as anybody, and says whether an admission policy refused, with which code.

Every actor has all rights there are, so what is refused was refused by admission alone. Writes are dry runs.
"""

import http.client
import json
import re
import ssl
import tempfile
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import yaml

from cluster.kit import Manifest
from cluster.places import REPOSITORY

TEMPLATES = REPOSITORY / "charts" / "tidegate" / "templates"
RELEASE = "tidegate"
CODE = re.compile(r"ValidatingAdmissionPolicy 'tidegate-([a-z]+)'.*denied request: ([a-z_]+): ", re.DOTALL)
OK, FORBIDDEN = 200, 403
HELM = re.compile(r"\{\{(.*?)\}\}")
PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "CiliumNetworkPolicy": "ciliumnetworkpolicies",
    "CiliumClusterwideNetworkPolicy": "ciliumclusterwidenetworkpolicies",
    "Ingress": "ingresses",
}


@dataclass(frozen=True)
class Actor:
    user: str
    groups: tuple[str, ...] = ("system:authenticated",)


def account(namespace: str, name: str) -> Actor:
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return Actor(f"system:serviceaccount:{namespace}:{name}", groups)


# What the values would say; beside the standard profile.
PROFILES = [
    {
        "name": "gpu",
        "image": "registry.tidegate.test/workspace-gpu@sha256:" + "0" * 64,
        "runtimeClass": "nvidia",
        "gpuResource": "nvidia.com/gpu",
        "most": {"cpus": 16, "memoryMebibytes": 65536, "gpus": 2},
    }
]
WORDS = "standard (64 cores, 1048576 MiB, 0 GPU), gpu (16 cores, 65536 MiB, 2 GPU)"


def policies(images: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Policy and binding of each template, by name, with what Helm would fill in for `PROFILES`."""
    used = [
        *(images[name] for name in ("services", "session", "workspace")),
        *(str(each["image"]) for each in PROFILES),
    ]
    filled = {
        ".Release.Name": RELEASE,
        ".Release.Namespace": RELEASE,
        ".Release.Service": "Helm",
        'include "tidegate.repositories" .': ", ".join(f"'{image.split('@')[0]}@'" for image in used),
        'include "tidegate.runtimeClasses" .': "'', 'nvidia'",
        'include "tidegate.gpuResources" .': "'nvidia.com/gpu'",
        'include "tidegate.profileBounds" .': (
            "'standard': [64.000, 1048576.000, 0.000], 'gpu': [16.000, 65536.000, 2.000]"
        ),
        'include "tidegate.profileWords" .': WORDS,
    }
    found = {}
    for path in sorted(TEMPLATES.glob("admission-*.yaml")):
        text = HELM.sub(lambda match: filled[match[1].strip()], path.read_text("utf-8"))
        found[path.stem.removeprefix("admission-")] = list(yaml.safe_load_all(text))
    return found


def path_of(manifest: Manifest, *, collection: bool = False) -> str:
    version, kind, metadata = str(manifest["apiVersion"]), str(manifest["kind"]), manifest["metadata"]
    plural = PLURALS.get(kind, kind.lower() + "s")
    inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}{inside}/{plural}" + ("" if collection else f"/{metadata['name']}")


class Api:
    """One API server, asked over its own certificate with impersonation."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text("utf-8"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self._host = cluster["server"].removeprefix("https://")
        self._tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
        with tempfile.NamedTemporaryFile() as file:
            file.write(b64decode(user["client-certificate-data"]) + b"\n" + b64decode(user["client-key-data"]))
            file.flush()
            self._tls.load_cert_chain(file.name)

    def ask(
        self, actor: Actor, method: str, path: str, body: object = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        """Status and answer."""
        connection = http.client.HTTPSConnection(self._host, context=self._tls, timeout=20)
        try:
            connection.putrequest(method, f"{path}?{urlencode(query)}")
            for name, value in (("User", actor.user), *(("Group", group) for group in actor.groups)):
                connection.putheader(f"Impersonate-{name}", value)
            data = b"" if body is None else json.dumps(body).encode()
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(data)))
            connection.endheaders(data)
            reply = connection.getresponse()
            return reply.status, _json(reply.read())
        finally:
            connection.close()

    def create(self, actor: Actor, manifest: Manifest) -> str:
        return self._written(actor, "POST", path_of(manifest, collection=True), manifest)

    def replace(self, actor: Actor, manifest: Manifest, subresource: str = "") -> str:
        return self._written(actor, "PUT", path_of(manifest) + (subresource and f"/{subresource}"), manifest)

    def delete(self, actor: Actor, manifest: Manifest) -> str:
        return self._written(actor, "DELETE", path_of(manifest), None)

    def connect(self, actor: Actor, manifest: Manifest, subresource: str, method: str = "POST") -> str:
        """Not a dry run: there is none. What is let through fails later, as no node is there."""
        status, answer = self.ask(actor, method, f"{path_of(manifest)}/{subresource}", None, command="id", ports="1")
        return outcome(status if status == FORBIDDEN else OK, answer)

    def read(self, manifest: Manifest) -> dict[str, Any]:
        return self.ask(Actor("reader", ("system:masters",)), "GET", path_of(manifest))[1]

    def _written(self, actor: Actor, method: str, path: str, body: object) -> str:
        return outcome(*self.ask(actor, method, path, body, dryRun="All"))


def outcome(status: int, answer: Mapping[str, Any]) -> str:
    """The code of the admission policy that refused; ``allowed`` where nothing did; else what went wrong."""
    message = str(answer.get("message", ""))
    refused = CODE.search(message)
    if refused:
        return refused[2]
    return "allowed" if OK <= status < 300 else f"{status}: {message}"


def _json(text: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(text))
    except ValueError:
        return {"message": text.decode("utf-8", "replace")}
