"""A whole running hub for tests: state folder with people and projects, `tidegate up` as a process, and a browser-like
client that speaks to 127.0.0.1 with the host names the proxy routes by."""

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx2

from tidegate.embedded import Settings, prepare_state
from tidegate.identity import add_account
from tidegate.ledger import Actor, Event, Record
from tidegate.model import Kind, PersonRef, Project, ProjectPhase, ProjectStatus, SpawnRight, read_resource, utc_now
from tidegate.model.status import CohortStatus
from tidegate.objects.sealed_view import Looks, looks_of, note_path
from tidegate.store import SqliteStore

Response = httpx2.Response
HTTPError = httpx2.HTTPError
OK = httpx2.codes.OK

PASSWORD = "correct horse battery"
PEOPLE = ("gwen", "rosa", "ravi", "chidi", "cleo", "olga")
PROJECT = "breast-density"
SECOND = "ct-texture"
DOMAIN = "tidegate.localhost"
SERVICE = Actor.service("test")


def document(kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "tidegate.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": dict(spec)}


def note_looks(view: Path) -> None:
    """What the provisioner notes once it has hashed a copy."""
    digest = hashlib.sha256((view / "manifest.json").read_bytes()).hexdigest()
    note = note_path(view)
    note.parent.mkdir(exist_ok=True)
    note.write_text(Looks(manifest_sha256=digest, looks=looks_of(view)).model_dump_json())


def record(subject: str) -> Record:
    return Record(event=Event.RESOURCE_CREATED, actor=SERVICE, subject=subject)


class World:
    """People, a licence, a data set and projects in a real store, at the point where starts are allowed."""

    def __init__(self, state: Path, now: datetime | None = None) -> None:
        self.state = state
        self.now = now or utc_now()
        prepare_state(state)
        self.store = SqliteStore(state / "tidegate.db", "test")

    def at(self, **delta: float) -> str:
        return (self.now + timedelta(**delta)).isoformat().replace("+00:00", "Z")

    def put(self, kind: str, name: str, spec: Mapping[str, Any]) -> None:
        self.store.put(read_resource(document(kind, name, spec), "test"), record(f"{kind}/{name}"), self.now)

    def people(self, *names: str) -> None:
        for name in names or PEOPLE:
            add_account(self.store, name, name.capitalize(), PASSWORD, SERVICE, self.now)

    def licence(self, **spec: Any) -> None:
        base = {
            "title": "CC BY 4.0",
            "spdx": "CC-BY-4.0",
            "licensor": "Example archive",
            "grant": {"validFrom": self.at(days=-100), "validTo": self.at(days=100)},
            "purpose": {"permitted": ["DUO:0000042", "DUO:0000006"]},
            "parties": {"commercial": "allow", "namedUsersOnly": False},
            "sharing": {"onward": "allow", "derivedData": "allow", "models": "allow"},
            "outputs": {"attribution": "Example archive, CC BY 4.0."},
        }
        self.put("Licence", "open-licence", {**base, **spec})

    def dataset(self) -> None:
        spec = {
            "title": "Eight mammograms",
            "custodian": "Archive desk",
            "tier": 2,
            "xnat": {"server": "http://127.0.0.1:1", "project": "CBIS-DDSM"},
            "licence": {"name": "open-licence"},
        }
        self.put("Dataset", "mammograms", spec)

    def project(self, name: str = PROJECT, **spec: Any) -> Project:
        base = {
            "title": f"Study {name}",
            "organisation": "Example University",
            "requester": {"subject": "rosa"},
            "lead": {"subject": "rosa"},
            "purpose": {"codes": ["DUO:0000006"], "text": "Relate density to age."},
            "datasets": [{"name": "mammograms"}],
            "tier": 2,
            "resources": {"memoryMib": 1024, "cpus": 2},
            "ends": self.at(days=90),
        }
        self.put("Project", name, {**base, **spec})
        project = self.store.get(Kind.PROJECT, name)
        assert isinstance(project, Project)
        return project

    def grant(self, person: str, role: str, project: str | None = PROJECT, **spec: Any) -> None:
        base: dict[str, Any] = {
            "scope": "project" if project else "environment",
            "person": {"subject": person},
            "role": role,
            "since": self.at(days=-10),
            "until": self.at(days=60),
            "training": {"ref": "IG-1", "until": self.at(days=50)},
        }
        if project:
            base["project"] = project
        self.put("Grant", f"{person}-{role}-{project or 'all'}", {**base, **spec})

    def approve(self, project: Project) -> None:
        subject = {"kind": "Project", "name": project.name, "digest": project.digest()}
        spec = {"subject": subject, "verdict": "approve", "by": {"subject": "gwen"}, "at": self.at(days=-1)}
        self.put("Approval", f"approval-{project.name}", {**spec, "reason": "Fits the licence."})

    def cohort(self, project: str) -> CohortStatus:
        view = self.state / "cohorts" / project / "v1"
        view.mkdir(parents=True, exist_ok=True)
        (view / "README.md").write_text(f"Cohort of {project}\n", encoding="utf-8")
        manifest = b"[]"
        (view / "manifest.json").write_bytes(manifest)
        note_looks(view)
        return CohortStatus(
            version=1,
            files=0,
            refused=0,
            total_bytes=0,
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            path=str(view),
            sealed_at=self.now,
        )

    def deploy(self, project: str, *people: str, until: datetime | None = None, **status: Any) -> None:
        rights = tuple(
            SpawnRight(
                person=PersonRef(subject=name),
                until=until or self.now + timedelta(days=50),
                because="your training ends",
            )
            for name in people
        )
        fields = {"phase": ProjectPhase.DEPLOYED, "spawn_rights": rights, "cohort": self.cohort(project), **status}
        self.store.put_project_status(project, ProjectStatus(**fields), record(f"project/{project}"), self.now)

    def events(self, event: Event, chain: str = "workspace") -> list[Record]:
        return [entry.record for entry in self.store.entries(chain) if entry.record.event is event]


def usual_world(state: Path) -> World:
    """Rosa and Ravi research `breast-density`, only Rosa `ct-texture`; the others have their offices."""
    world = World(state)
    world.people()
    world.licence()
    world.dataset()
    world.grant("gwen", "governance-officer", None)
    for checker in ("chidi", "cleo"):
        world.grant(checker, "output-checker", None)
    world.grant("olga", "operator", None)
    for name, people in ((PROJECT, ("rosa", "ravi")), (SECOND, ("rosa",))):
        project = world.project(name)
        for person in people:
            world.grant(person, "researcher", name)
        world.approve(project)
        world.deploy(name, *people)
    return world


def four_free_ports() -> int:
    """The first of four in a row that are free now."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                for offset in range(1, 4):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + offset))
            except (OSError, OverflowError):
                continue
            return port


RUN_UP = """
import json, sys
from pathlib import Path
from tidegate.embedded import Settings, up
from tidegate.model import TidegateError
options = json.loads(sys.argv[1])
options["state"] = Path(options["state"])
options["services"] = tuple(options["services"])
try:
    up(Settings(**options), say=lambda line: print(line, flush=True))
except TidegateError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


@dataclass
class Up:
    """`tidegate up` in a process of its own."""

    settings: Settings
    process: subprocess.Popen[bytes] | None = None

    @property
    def hub_pid(self) -> int:
        (pid,) = (pid for pid in children(self.require().pid) if "jupyterhub" in command(pid))
        return pid

    def require(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process

    def start(self) -> None:
        options = {
            "state": str(self.settings.state),
            "port": self.settings.port,
            "services": list(self.settings.services),
        }
        with (self.settings.state / "logs" / "up.log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN_UP, json.dumps(options)], stdout=log, stderr=log, start_new_session=True
            )
        until(lambda: "Tidegate is ready" in self.said() or self.require().poll() is not None, 90, self.logs)
        assert self.require().poll() is None, self.logs()

    def said(self) -> str:
        return (self.settings.state / "logs" / "up.log").read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        process = self.require()
        if process.poll() is None:
            process.send_signal(number)
        return process.wait(60)

    def logs(self) -> str:
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-4000:]}"
            for path in sorted((self.settings.state / "logs").glob("*.log"))
        )

    def client(self) -> "Client":
        return Client(self.settings.port)


@contextlib.contextmanager
def running(state: Path, services: tuple[str, ...] = ()) -> Iterator[Up]:
    up = Up(Settings(state=state, port=four_free_ports(), services=services))
    try:
        up.start()
        yield up
    finally:
        if up.process is not None:
            up.stop()


@dataclass
class Client:
    """One person's browser, as far as requests go: cookies by host as browsers keep them, redirects followed."""

    port: int
    cookies: dict[tuple[str, str], str] = field(default_factory=dict)
    trail: list[str] = field(default_factory=list)

    def get(self, url: str, **options: Any) -> httpx2.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx2.Response:
        return self.request("POST", url, **options)

    def request(self, method: str, url: str, *, follow: bool = True, **options: Any) -> httpx2.Response:
        url = urljoin(f"http://{DOMAIN}:{self.port}/", url)
        for _ in range(20):
            self.trail.append(url)
            answer = self._send(method, url, **options)
            if not (follow and answer.is_redirect):
                return answer
            url, method, options = urljoin(url, answer.headers["location"]), "GET", {}
        raise AssertionError(self.trail)

    def log_in(self, name: str, password: str = PASSWORD) -> httpx2.Response:
        form = self.get("/hub/login")
        found = re.search(r'name="_xsrf" value="([^"]*)"', form.text)
        assert found, form.text
        return self.post("/hub/login", data={"username": name, "password": password, "_xsrf": found[1]})

    def xsrf(self) -> str:
        return next((value for (_, name), value in self.cookies.items() if name == "_xsrf"), "")

    def open(self, name: str, project: str, seconds: float = 60) -> httpx2.Response:
        """Click 'Open workspace' and wait for what comes."""
        answer = self.get(f"/hub/spawn/{name}/{project}")
        deadline = time.monotonic() + seconds
        while "Opening your workspace" in answer.text and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = self.get(f"/hub/spawn-pending/{name}/{project}")
        return answer

    def api(self, method: str, path: str, **options: Any) -> httpx2.Response:
        headers = {"X-XSRFToken": self.xsrf(), "Accept": "application/json"}
        return self.request(method, f"/hub/api/{path}", headers=headers, **options)

    def _send(self, method: str, url: str, headers: Mapping[str, str] | None = None, **options: Any) -> httpx2.Response:
        parts = urlsplit(url)
        host = parts.hostname or ""
        sent = {"Host": parts.netloc, "Sec-Fetch-Mode": "navigate", **(headers or {})}
        jar = {name: value for (domain, name), value in self.cookies.items() if _goes_to(domain, host)}
        if jar:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in jar.items())
        target = parts._replace(netloc=f"127.0.0.1:{parts.port}").geturl()
        with httpx2.Client(timeout=60, trust_env=False) as client:
            answer = client.request(method, target, headers=sent, **options)
        self._keep(host, answer)
        return answer

    def _keep(self, host: str, answer: httpx2.Response) -> None:
        for line in answer.headers.get_list("set-cookie"):
            pair, *attributes = [part.strip() for part in line.split(";")]
            name, _, value = pair.partition("=")
            domain = next((a.partition("=")[2] for a in attributes if a.lower().startswith("domain=")), "")
            key = (f".{domain.lstrip('.')}" if domain else host, name)
            if value and value != '""':
                self.cookies[key] = value
            else:
                self.cookies.pop(key, None)


def _goes_to(domain: str, host: str) -> bool:
    return host == domain or (domain.startswith(".") and (host == domain[1:] or host.endswith(domain)))


def until(holds: Any, seconds: float, explain: Any = lambda: "") -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


def processes() -> dict[int, int]:
    """Every process of this machine and its parent."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if fields[0] not in "ZX":
                found[int(entry.name)] = int(fields[1])
    return found


def children(pid: int) -> list[int]:
    return [child for child, parent in processes().items() if parent == pid]


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def environment(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    return ""


def mentioning(text: str) -> list[int]:
    """Processes whose arguments, environment or mounts name this state folder."""
    return [pid for pid in processes() if pid != os.getpid() and (text in command(pid) or text in environment(pid))]


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
