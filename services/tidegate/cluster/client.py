"""The Kubernetes API through the `kubernetes` library: `port.ClusterApi` on a real cluster. Wirings make one a process.

Every call has a time limit, writes keep below 50 a second, a `Retry-After` is waited for, and only reads are sent twice
when a connection breaks: whether a broken write landed is for the caller to look at.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, Self

from kubernetes.client.rest import RESTResponse
from urllib3.exceptions import HTTPError

from tidegate.cluster.connection import open_api
from tidegate.cluster.failures import in_watch, unreachable
from tidegate.cluster.paths import collection, item, name_of, ref_of
from tidegate.cluster.port import Change, Listing, Manifest, Ref, Resource
from tidegate.cluster.sending import TIMEOUT, Call, Sender
from tidegate.model import TidegateError

FIELD_MANAGER: Final = "tidegate"
Query = Mapping[str, str | int]
STRICT: Final[Query] = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
APPLY: Final = "application/apply-patch+yaml"
WATCH_SECONDS: Final = 300
# The server says each minute, and a quarter of one later at most, that a quiet watch is alive.
WATCH_TIMEOUT: Final = (TIMEOUT[0], 90.0)
BOOKMARK: Final = "BOOKMARK"
PAGE: Final = 500
LOG_BYTES: Final = 64 * 1024
LOG_LINES: Final = 2000
POD: Final = Resource("v1", "Pod", "pods")


def connect(kubeconfig: Path | None = None, context: str | None = None) -> "ClusterClient":
    """The cluster of a kubeconfig, of ``KUBECONFIG``, or the one this pod runs in.

    Raises:
        TidegateError: ``cluster_unconfigured``.
    """
    return ClusterClient(Sender(open_api(kubeconfig, context)))


class ClusterClient:
    """A `port.StoreApi`. Safe in any thread."""

    def __init__(self, sender: Sender, headers: Mapping[str, str] | None = None, written: Query = STRICT) -> None:
        self._sender = sender
        self._headers = headers or {}
        self._written = written

    def impersonating(self, user: str, group: str) -> Self:
        """The same client acting as this user of this group, whose rights then count and whose name admission sees."""
        return type(self)(self._sender, {"Impersonate-User": user, "Impersonate-Group": group}, self._written)

    def rehearsing(self) -> Self:
        """The same client whose applies, creates and replaces are judged and not stored."""
        return type(self)(self._sender, self._headers, {**self._written, "dryRun": "All"})

    def get(self, ref: Ref) -> Manifest | None:
        return self._sender.json_or_none(self._call("GET", "read", ref))

    def list(
        self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None
    ) -> tuple[Manifest, ...]:
        return self.listing(resource, namespace, labels).items

    def listing(self, resource: Resource, namespace: str = "", labels: Mapping[str, str] | None = None) -> Listing:
        """All of a kind with the version of the whole, from which a watch goes on."""
        query: dict[str, str | int] = {"limit": PAGE, "labelSelector": _selector(labels or {}), "continue": ""}
        found: list[Manifest] = []
        while True:
            page = self._sender.json(self._call("GET", "list", Ref(resource, "", namespace), query))
            # Within a list the items do not say what they are.
            kind = {"apiVersion": resource.api_version, "kind": resource.kind}
            found += [{**kind, **each} for each in page.get("items") or ()]
            query["continue"] = page["metadata"].get("continue", "")
            if not query["continue"]:
                return Listing(tuple(found), str(page["metadata"]["resourceVersion"]))

    def apply(self, resource: Resource, manifest: Manifest, *, force: bool = False, subresource: str = "") -> Manifest:
        query: Query = {**self._written, "force": str(force).lower()}
        call = self._call("PATCH", "apply", ref_of(resource, manifest), query, manifest, subresource)
        return self._sender.json(replace(call, content=APPLY))

    def create(self, resource: Resource, manifest: Manifest) -> Manifest:
        call = self._call("POST", "create", ref_of(resource, manifest), self._written, manifest)
        return self._sender.json(replace(call, path=collection(resource, ref_of(resource, manifest).namespace)))

    def replace(self, resource: Resource, manifest: Manifest, *, subresource: str = "") -> Manifest:
        return self._sender.json(
            self._call("PUT", "replace", ref_of(resource, manifest), self._written, manifest, subresource)
        )

    def delete(self, ref: Ref, *, grace_seconds: int | None = None, uid: str = "") -> bool:
        options: Manifest = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            return self._sender.json_or_none(self._call("DELETE", "delete", ref, body=options)) is not None
        except TidegateError as error:
            if uid and error.code == "cluster_conflict" and self._uid(ref) != uid:
                return False
            raise

    def _uid(self, ref: Ref) -> str:
        return str((self.get(ref) or {}).get("metadata", {}).get("uid", ""))

    def logs(self, namespace: str, pod: str, container: str) -> str:
        query: Query = {"container": container, "tailLines": LOG_LINES}
        call = self._call("GET", "read the log of", Ref(POD, pod, namespace), query, subresource="log")
        kept = b""
        try:
            for part in self._sender.stream(call).response.stream(LOG_BYTES):
                kept = (kept + part)[-LOG_BYTES:]
        except HTTPError as error:
            raise unreachable(error, call.what) from error
        return kept.decode("utf-8", "replace")

    def watch(self, resource: Resource, namespace: str = "", since: str = "") -> Iterator[Change]:
        for change in self.follow(resource, namespace, since):
            if change.verb != BOOKMARK:
                yield change

    def follow(self, resource: Resource, namespace: str = "", since: str = "") -> Iterator[Change]:
        """A watch that also gives the server's ``BOOKMARK`` lines: nothing changed, and this is the version now."""
        query: dict[str, str | int] = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": WATCH_SECONDS,
            **({"resourceVersion": since} if since else {}),
        }
        call = replace(self._call("GET", "watch", Ref(resource, "", namespace), query), timeout=WATCH_TIMEOUT)
        response = self._sender.stream(call)
        try:
            for line in _lines(response):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise in_watch(event["object"], call.what)
                yield Change(event["type"], event["object"])
        except (HTTPError, ValueError, KeyError, TypeError) as error:
            raise unreachable(error, call.what) from error
        finally:
            response.response.close()

    def _call(
        self,
        method: str,
        act: str,
        ref: Ref,
        query: Query | None = None,
        body: Manifest | None = None,
        subresource: str = "",
    ) -> Call:
        path = item(ref, subresource) if ref.name else collection(ref.resource, ref.namespace)
        what = f"{act} {name_of(ref)}{f'/{subresource}' if subresource else ''}"
        return Call(method, path, what, ref.resource.kind, query or {}, body, headers=self._headers)


def _selector(labels: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _lines(response: RESTResponse) -> Iterator[bytes]:
    """Whole lines of a body that is still coming."""
    rest = b""
    for part in response.response.stream(amt=None, decode_content=False):
        *whole, rest = (rest + part).split(b"\n")
        yield from (line for line in whole if line)
