"""Real kopf against a mock API server that refuses, breaks off, falls silent or repeats itself: no change is missed."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp
import attrs
import kmock
import kopf
import pytest

from provisioner.controller import watching
from provisioner.controller.watching import WATCHED, Watching

JOBS = "/apis/batch/v1/namespaces/{namespace}/jobs"


@dataclass
class Faults:
    """What the server does wrong: statuses for the next lists, and how the next watches go."""

    lists: list[int] = field(default_factory=list)
    watches: list[str] = field(default_factory=list)
    watched: int = 0


@attrs.define(kw_only=True)
class Server(kmock.KubernetesEmulator):
    """The mock, with faults."""

    faults: Faults = attrs.field(factory=Faults)

    async def _serve_list(self, request: kmock.Request) -> Any:
        if _is_jobs(request) and self.faults.lists:
            raise kmock.KubernetesError(status=self.faults.lists.pop(0))  # type: ignore[call-arg]
        return await super()._serve_list(request)

    async def _serve_watch(self, request: kmock.Request) -> AsyncIterator[Any]:
        if _is_jobs(request):
            self.faults.watched += 1
            how = self.faults.watches.pop(0) if self.faults.watches else ""
            if how == "gone":
                yield {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "metadata": {}}}
                return
            if how == "half-open":
                yield b""
                await asyncio.sleep(3600)
        async for event in super()._serve_watch(request):
            yield event


def _is_jobs(request: kmock.Request) -> bool:
    return request.resource is not None and request.resource.plural == "jobs"


class Api:
    """The mock server in a thread of its own, and a person who changes things on it."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.url = ""
        self._ready, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)

    def write(self, namespace: str, name: str, **labels: str) -> None:
        body = {"metadata": {"name": name, "namespace": namespace, "labels": labels, "resourceVersion": "1"}}
        self._ask("POST", JOBS.format(namespace=namespace), body)

    def delete(self, namespace: str, name: str) -> None:
        self._ask("DELETE", f"{JOBS.format(namespace=namespace)}/{name}", None)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> None:
        async def ask() -> None:
            async with (
                aiohttp.ClientSession() as session,
                session.request(method, self.url + path, json=body) as answer,
            ):
                assert answer.status < 300, await answer.text()

        asyncio.run(ask())

    async def _serve(self) -> None:
        handler = Server(faults=self.faults)
        # kopf does nothing before it knows that there are namespaces.
        for api_version, plural in (("v1", "namespaces"), *WATCHED):
            about = {"kind": plural, "singular": plural.rstrip("s"), "verbs": {"list", "watch"}}
            about["namespaced"] = plural != "namespaces"
            handler.resources[f"{api_version}/{plural}"] = about
        async with handler, kmock.Server(handler) as server:
            self.url = str(server.url).rstrip("/")
            self._ready.set()
            while not self._stop.is_set():  # noqa: ASYNC110 - told from another thread
                await asyncio.sleep(0.05)


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with Api() as running:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": running.url}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "users": [{"name": "it", "user": {"token": "made-up"}}],
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(config))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield running


@pytest.fixture
def heard(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[str]]]:
    """Watches that lose patience with a silent server after a second; the call starts them."""
    real = watching.settings_of

    def impatient() -> kopf.OperatorSettings:
        settings = real()
        settings.watching.inactivity_timeout = 1.0
        settings.networking.error_backoffs = [0.1] * 20
        return settings

    monkeypatch.setattr(watching, "settings_of", impatient)
    keys: list[str] = []
    watcher = Watching(keys.append)

    def start() -> list[str]:
        assert api.url
        assert watcher.start()
        return keys

    yield start
    watcher.stop()
    assert not watcher.alive()


def eventually(look: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_change_asks_for_its_project(api: Api, heard: Callable[[], list[str]]) -> None:
    api.write("tg-before", "pull-v1")
    keys = heard()
    eventually(lambda: "before" in keys)
    api.write("tg-alpha", "pull-v1")
    eventually(lambda: "alpha" in keys)
    keys.clear()
    api.delete("tg-alpha", "pull-v1")
    eventually(lambda: "alpha" in keys)
    api.write("default", "somebody-elses", **{"tidegate.dev/project": "alpha"})
    api.write("tg-beta", "pull-v1")
    eventually(lambda: "beta" in keys)
    assert set(keys) <= {"alpha", "beta", "before"}
    assert keys.count("alpha") == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_refuses_at_first_is_asked_again(api: Api, heard: Callable[[], list[str]], status: int) -> None:
    api.faults.lists += [status, status]
    api.write("tg-alpha", "pull-v1")
    keys = heard()
    eventually(lambda: "alpha" in keys)
    assert api.faults.lists == []


def test_a_version_that_is_gone_is_listed_anew(api: Api, heard: Callable[[], list[str]]) -> None:
    api.faults.watches += ["gone", "gone"]
    keys = heard()
    eventually(lambda: not api.faults.watches)
    api.write("tg-alpha", "pull-v1")
    eventually(lambda: "alpha" in keys)


def test_a_watch_that_fell_silent_is_given_up_and_what_it_missed_is_heard(
    api: Api, heard: Callable[[], list[str]]
) -> None:
    """Half open: the server thinks it is gone, we think it is quiet. Nothing ever comes through it again."""
    api.faults.watches.append("half-open")
    keys = heard()
    eventually(lambda: api.faults.watched >= 1)
    api.write("tg-alpha", "pull-v1")
    assert "alpha" not in keys
    eventually(lambda: "alpha" in keys)
    assert api.faults.watched >= 2
