"""`python -m provisioner` as a real process, with the real engine and a real sandbox: dates, signals, locks, heads."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cohort_kit import Bench, cbis_dataset, source_of
from policy_kit import PROJECT, approval, dataset, grant, licence, officer, project, put, put_resource, the_project
from provisioner.bootstrap import CHAIN, Given, Settings, build
from provisioner.domain.conditions import Kind as ConditionKind
from reconcile_hub import HubDouble, hub_double
from sample_xnat import collect
from sample_xnat.server import SampleXnat
from tidegate.ledger import verify
from tidegate.model import ProjectPhase, ProjectStatus, Stage, to_text, utc_now
from tidegate.sandbox import Limits, Running, SandboxSpec, alive, python_binds, start, stop
from tidegate.store import SqliteStore
from xnat_kit import ACCOUNT, PASSWORD, USER

SERVICES = Path(__file__).resolve().parents[3] / "services"
LIMITS = Limits(memory_bytes=256 * 1024**2, pids=16, cpus=1.0, tmp_bytes=1024**2)
DAY = timedelta(days=1)
SOON = 6.0


def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"gave up waiting for {what}"
        time.sleep(0.02)
    return value


def reviews(state: Path, status: str) -> None:
    """As far as the provisioner looks at it: the register of requests, with one of the project's."""
    with contextlib.closing(sqlite3.connect(state / "egress.sqlite")) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS egress_requestrow (id PRIMARY KEY, project, status)")
        db.execute("INSERT OR REPLACE INTO egress_requestrow VALUES (1, ?, ?)", [PROJECT, status])


def retained(status: ProjectStatus) -> bool:
    found = status.condition(ConditionKind.RETAINED)
    return found is not None and found.status


def record_server(state: Path, running: Running) -> None:
    folder = state / "run" / "servers"
    folder.mkdir(parents=True, exist_ok=True)
    body = {"project": PROJECT, "person": "rosa", "port": 1, "kernel": asdict(running), "session": None}
    (folder / f"{PROJECT}--rosa.json").write_text(json.dumps(body))


@dataclass
class Site:
    """A state folder whose project is deployed, made with the real engine and the real canary."""

    state: Path
    hub: HubDouble

    def __post_init__(self) -> None:
        self.state.mkdir()
        self.governance = SqliteStore(self.state / "tidegate.db", "governance")

    def register(self, ends: datetime | None = None, what: str = "grant") -> None:
        now = utc_now()
        past, far = to_text(now - DAY), to_text(now + 90 * DAY)
        end = to_text(ends) if ends else far
        of = {"grant": far, "licence": far, "project": far, "training": far} | {what: end}
        put(self.governance, licence(grant={"validFrom": past, "validTo": of["licence"]}), dataset())
        training = {"ref": "IG", "until": of["training"]}
        put(self.governance, grant(since=past, until=of["grant"], training=training), officer(since=past, until=far))
        put(self.governance, project(ends=of["project"]))
        put(self.governance, approval(the_project(self.governance), at=past))

    def deploy(self) -> None:
        settings = Settings(self.state, Path(sys.prefix), None)
        loop = build(settings, lambda: False, Given(cohorts=Bench(self.state, source_of()).pipeline))
        status = loop.reconciler.reconcile(PROJECT, utc_now())
        assert status is not None
        assert status.phase is ProjectPhase.DEPLOYED, status
        assert status.spawn_rights
        assert loop.looks.close(1)
        assert loop.cuts.close(1)

    @contextlib.contextmanager
    def service(self, **env: str) -> Iterator[subprocess.Popen[bytes]]:
        with (self.state / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "provisioner"],
                env={**self.environment(), **env},
                stdout=log,
                stderr=log,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(SERVICES),
            "TIDEGATE_STATE": str(self.state),
            "TIDEGATE_WORKSPACE_ENV": sys.prefix,
            "JUPYTERHUB_API_URL": self.hub.url,
            "JUPYTERHUB_API_TOKEN": "a-token",
        }

    def without_engine(self) -> dict[str, str]:
        """The environment of a machine on which the engine's wheel cannot be loaded."""
        folder = self.state / "no-engine"
        folder.mkdir()
        (folder / "opa_bindings.py").write_text("raise ImportError('taken away')\n")
        return {"PYTHONPATH": f"{folder}{os.pathsep}{SERVICES}"}

    @property
    def status(self) -> Any:
        return self.governance.project_status(PROJECT)

    def started(self) -> bool:
        return b"provisioner started" in (self.state / "log").read_bytes()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with hub_double() as hub:
        yield Site(tmp_path / "state", hub)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Running]:
    root = os.geteuid() == 0
    running = start(
        SandboxSpec(
            name="kernel-rosa",
            argv=("/opt/tidegate/env/bin/python", "-I", "-S", "-c", "import time; time.sleep(120)"),
            binds=python_binds(Path(sys.prefix)),
            env={},
            limits=LIMITS,
            uid=21003 if root else None,
            gid=22003 if root else None,
        ),
        log=tmp_path / "sandbox.log",
    )
    yield running
    stop(running, grace=0)


@pytest.mark.parametrize("what", ["grant", "training", "licence", "project"])
@pytest.mark.parametrize("broken", [False, True], ids=["all-well", "no-engine-and-hub-hangs"])
def test_an_end_stops_everything_within_five_seconds(site: Site, sandbox: Running, what: str, broken: bool) -> None:  # noqa: FBT001
    """From the instant to the last process ended: no event, and with the engine gone and the hub hanging too."""
    end = utc_now() + timedelta(seconds=SOON)
    site.register(end, what)
    site.deploy()
    record_server(site.state, sandbox)
    if broken:
        site.hub.delay = 60.0
    with site.service(**(site.without_engine() if broken else {})):
        until(site.started, "the service")
        assert alive(sandbox), "not before its time"
        until(lambda: not alive(sandbox), "the end of the sandbox")
        took = (utc_now() - end).total_seconds()
        until(lambda: not site.status.steps[-1].name.startswith("stop/"), "the record")
    assert 0 <= took <= 5.0, f"{took:.1f} s"
    assert site.status.spawn_rights == ()
    assert site.hub.deletes == [(f"/hub/api/users/rosa/servers/{PROJECT}", "token a-token")]
    events = [entry.record.event for entry in site.governance.entries(CHAIN)]
    assert events.count("provisioner:spawn_right:ended") == 1
    assert events.count("provisioner:server:stopped") == 1


def test_a_write_is_noticed_within_seconds(site: Site, sandbox: Running) -> None:
    """Revoking is a write by another process; nobody tells the service."""
    site.register()
    site.deploy()
    record_server(site.state, sandbox)
    with site.service():
        until(site.started, "the service")
        own = the_project(site.governance)
        put(site.governance, approval(own, name="taken-back", verdict="revoke", at=to_text(utc_now())))
        until(lambda: not alive(sandbox), "the end of the sandbox", 5.0)
        until(lambda: site.status.phase is ProjectPhase.SUSPENDED, "the phase", 5.0)


def test_without_the_engine_nothing_new_is_opened_and_the_reason_is_said(site: Site) -> None:
    site.register()
    with site.service(**site.without_engine()):
        step = until(lambda: site.status.step("policy"), "the step")
        assert step.code == "policy_unavailable"
        assert step.next_try is not None
    assert site.status.spawn_rights == ()
    assert not (site.state / "homes").exists()


def test_a_second_one_is_refused_and_the_first_goes_on(site: Site) -> None:
    site.register()
    site.deploy()
    with site.service() as first:
        until(site.started, "the service")
        second = subprocess.run(
            [sys.executable, "-m", "provisioner"], env=site.environment(), capture_output=True, timeout=60, check=False
        )
        assert second.returncode == 1
        assert b"already_running" in second.stderr
        assert first.poll() is None


def test_it_needs_to_be_told_where_the_state_is(site: Site) -> None:
    env = {key: value for key, value in site.environment().items() if key != "TIDEGATE_STATE"}
    done = subprocess.run([sys.executable, "-m", "provisioner"], env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert b"state_missing" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_when_asked_and_leaves_nothing(site: Site, number: signal.Signals) -> None:
    site.register()
    site.deploy()
    with site.service() as process:
        until(site.started, "the service")
        process.send_signal(number)
        assert process.wait(15) == 0
    assert b'"event": "provisioner stopped"' in (site.state / "log").read_bytes()


def test_killed_and_started_again_it_says_nothing_new(site: Site) -> None:
    site.register()
    site.deploy()
    before = site.status
    for starts in range(1, 4):
        with site.service():
            # Its first write; the context then kills it in the middle of its first look.
            until(lambda starts=starts: len(anchored(site)) == starts, "the service")
    assert site.status == before
    assert verify(site.governance.rows(), site.governance.heads()) == []


def test_heads_of_the_other_chains_are_anchored_at_the_start(site: Site) -> None:
    site.register()
    egress = SqliteStore(site.state / "egress.sqlite", "egress")
    egress.append(site.governance.entries("governance")[0].record, utc_now())
    head = egress.entries("egress")[-1]
    with site.service():
        found = until(lambda: anchored(site), "the anchors")
    assert found[0]["egress"] == f"{head.seq}:{head.digest}"
    assert set(found[0]) == {"egress", "governance"}


def anchored(site: Site) -> list[dict[str, Any]]:
    entries = site.governance.entries(CHAIN)
    return [dict(e.record.detail) for e in entries if e.record.event == "ledger:heads:anchored"]


def test_from_an_approved_project_to_a_ready_workspace_with_every_part_real(site: Site) -> None:
    """The service alone: engine, canary, XNAT, gate, vault, sealed view, folders, spawn right. Then closed again."""
    with SampleXnat(collect.mammograms(), ACCOUNT) as xnat:
        secrets = site.state / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "xnat-127.0.0.1.json").write_text(json.dumps({"user": USER, "password": PASSWORD}))
        site.register()
        spec = {**cbis_dataset().spec_json(), "xnat": {"server": xnat.url, "project": "CBIS-DDSM"}}
        put(site.governance, dataset(**{**spec, "tier": 2, "licence": {"name": "mammograms-licence"}}))
        with site.service():
            until(lambda: site.status.phase is ProjectPhase.DEPLOYED and site.status.spawn_rights, "the workspace", 60)
            ready = site.status
            assert (ready.cohort.files, ready.cohort.refused) == (8, 0)
            assert len(list(Path(ready.cohort.path).rglob("*.dcm"))) == 8
            reviews(site.state, "submitted")
            closing = the_project(site.governance)
            closing = closing.model_copy(update={"spec": closing.spec.model_copy(update={"stage": Stage.CLOSING})})
            put_resource(site.governance, closing)
            named = {"kind": "Project", "name": PROJECT, "digest": closing.closing_digest()}
            put(site.governance, approval(closing, name="close", subject=named, at=to_text(utc_now())))
            until(lambda: retained(site.status), "what review still has", 30)
            assert site.status.phase is ProjectPhase.PENDING_DELETION
            reviews(site.state, "expired")
            # Any change of what governance wrote has everything looked at; else it is the next round's.
            put(site.governance, officer(until=to_text(utc_now() + 30 * DAY)))
            until(lambda: site.status.phase is ProjectPhase.DELETED, "the closing", 30)
            assert not retained(site.status)
    left = [path for path in (site.state / "vault").rglob("*") if path.is_file()]
    assert left == []
    assert not (site.state / "cohorts" / PROJECT).exists()
    assert verify(site.governance.rows(), site.governance.heads()) == []
