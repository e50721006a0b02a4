"""One deployed project with people at work in it, for `test_killed`: what each of them does while a part is away.

Every act answers in one line what the person saw: ``works``, or the status and the sentence on the page.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import lxml.html
import websocket

from cluster.images import ctr
from cluster.killed_table import WORKS
from cluster.kit import eventually
from cluster.people import ORIGIN, REVIEW, ClusterSite
from cluster.places import CONTAINERD
from cluster.shell import attempt
from cluster.site_secrets import NAMESPACE
from cluster_live_kit import Live, manifest
from model_kit import grant
from tidegate.demo.browser import Page, Person
from tidegate.demo.cells import CONTEXT
from tidegate.demo.notebook import Notebook
from tidegate.demo.review import Review
from tidegate.demo.stage import password_of
from tidegate.model import TidegateError

ACT_SECONDS = 15.0
START_SECONDS = 60.0
OUTPUT_SECONDS = 2.5
LOGIN_SECONDS = 5.5
CHECKERS = ("chidi", "cleo")
CTR = ("ctr", "--address", str(CONTAINERD), "--namespace", "k8s.io")
# Runs all the time, without a page that listens: what it found is asked for at the end.
LONG = """
import pathlib, time
stop, ticks = pathlib.Path("stop"), []
with open("ticks.txt", "w", buffering=1) as file:
    while not stop.exists():
        ticks.append(time.time())
        print(ticks[-1], file=file)
        time.sleep(0.25)
print(len(ticks))
"""
ASK = """
import time
from tidegate_notebook import release
time.sleep({settled})
with open({name!r}, "w") as file:
    file.write("statistic,value\\nmean of {project} {name},0.3\\n")
print(release({name!r}, context={context!r}, wait=12))
"""
IN_REVIEW = """
import hashlib, io
from egress_review.bootstrap.commands import place_here, start
ports = start(place_here())
from egress_review.application import drafts
from egress_review.application.acts import By
from egress_review.domain.parties import Actor, ActorKind, as_person
from tidegate.model import PersonRef, utc_now
ravi = PersonRef(subject="ravi")
workspace = By(Actor(ActorKind.WORKSPACE, ravi, {project!r}), utc_now())
made = drafts.create_draft(ports, {project!r}, workspace, {context!r})
text = b"statistic,value\\nmean of {project},0.2\\n"
upload = drafts.Upload("table.csv", io.BytesIO(text), hashlib.sha256(text).hexdigest())
drafts.add_file(ports, made.id, workspace, upload)
drafts.submit(ports, made.id, By(as_person(ravi), utc_now()))
print(made.id)
"""


class Doors(httpx2.BaseTransport):
    """Sends every name below ``tidegate.test`` to the door on loopback, as the address given to a browser does."""

    def __init__(self) -> None:
        self._inner = httpx2.HTTPTransport()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        there = request.url.copy_with(host="127.0.0.1")
        return self._inner.handle_request(
            httpx2.Request(request.method, there, headers=request.headers, stream=request.stream)
        )

    def close(self) -> None:
        self._inner.close()


class Visitor(Person):
    """Somebody at a browser outside the cluster, who waits no longer than a person would."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.http.close()
        self.http = httpx2.Client(transport=Doors(), timeout=ACT_SECONDS, follow_redirects=True)

    def come_in(self) -> str:
        """What the login leads to."""
        with seeing() as seen:
            page = self.http.get(f"{ORIGIN}/hub/login")
            seen.append(told(page))
            form = {"username": self.name, "password": password_of(self.name), "_xsrf": self._token(page.text)}
            answer = self.http.post(f"{ORIGIN}/hub/login", data=form)
            seen.append(WORKS if answer.status_code == 200 and answer.url.path == "/hub/home" else told(answer))
        return seen[-1]

    @staticmethod
    def _token(text: str) -> str:
        return next(iter(lxml.html.fromstring(text or "<html/>").xpath('//input[@name="_xsrf"]/@value')), "")


class Kernel(Notebook):
    """A kernel of a workspace and the open page's connection to it."""

    def says(self, code: str) -> str:
        """What the person sees below the cell."""
        try:
            return self.run(code).strip()
        except TidegateError as error:
            return error.sentence
        except websocket.WebSocketTimeoutException:
            return "nothing yet"
        except (websocket.WebSocketException, OSError, ValueError):
            return "connection closed"

    def answers(self, code: str, wanted: str) -> str:
        """`works` if that is in the last line printed."""
        said = self.says(code)
        return WORKS if wanted in said.rpartition("\n")[2] else said

    def come_back(self) -> None:
        """As the page does by itself once it noticed."""
        self.leave()
        self._socket = self._connect()

    def leave(self) -> None:
        self._socket.close()

    def _connect(self) -> websocket.WebSocket:
        made = super()._connect()
        made.settimeout(ACT_SECONDS)
        return made


@contextlib.contextmanager
def seeing() -> Iterator[list[str]]:
    """A list of what was seen; where nothing answered, that is its last item."""
    seen: list[str] = []
    try:
        yield seen
    except httpx2.TimeoutException:
        seen.append("no answer in time")
    except httpx2.TransportError:
        seen.append("no answer: nobody is there")
    except TidegateError as error:
        seen.append(error.sentence.partition(" got ")[2] or str(error))


def told(answer: httpx2.Response) -> str:
    """Status and sentence, as short as a person would repeat it."""
    return f"{answer.status_code} {' '.join(_sentence(answer).split())[:240]}"


def _sentence(answer: httpx2.Response) -> str:
    if "json" in answer.headers.get("content-type", ""):
        return answer.text
    tree = lxml.html.fromstring(answer.text or "<html/>")
    for unread in tree.xpath("//script|//style|//head"):
        unread.drop_tree()
    notices = tree.xpath('//*[contains(@class, "tg-notice") and not(@hidden)]')
    return " ".join(
        str(found.text_content()) for found in (notices or tree.xpath('//main|//div[@class="error"]') or [tree])
    )


@dataclass
class Scene:
    """Rosa works, Ravi opens and closes his workspace, Chidi and Cleo review, Gwen governs."""

    site: ClusterSite
    live: Live
    people: dict[str, Visitor] = field(default_factory=dict)
    kernels: dict[str, Kernel] = field(default_factory=dict)
    released: str = ""
    in_review: str = ""
    before: str = ""

    @property
    def lab_url(self) -> str:
        return self.server_url("rosa")

    def server_url(self, name: str) -> str:
        return f"http://{name}.tidegate.test:30080/user/{name}/{self.live.name}/"

    @property
    def review(self) -> Review:
        return Review(REVIEW)

    # Before anything is killed.

    def prepare(self) -> None:
        """Accounts, a deployed project, a login for each."""
        self.live.register()
        roles = {"gwen": "governance-officer", "chidi": "output-checker", "cleo": "output-checker"}
        own = (grant(f"{self.live.name}-ravi", person="ravi", project=self.live.name),)
        environment = (grant(f"{self.live.name}-{who}", person=who, role=role) for who, role in roles.items())
        self.live.write(*own, *environment)
        self.site.prepare()
        self.live.deployed()
        for name in ("rosa", "ravi", *CHECKERS):
            self.people[name] = Visitor(name)
            _must_work(self.people[name].come_in())

    def work(self) -> None:
        """An open workspace with three kernels, a released request, and one that is being reviewed."""
        _must_work(self.opens("rosa", START_SECONDS))
        for name in ("cell", "ask", "long"):
            self.kernels[name] = Kernel(self.people["rosa"], self.server_url("rosa"))
        self.kernels["long"].send(LONG)
        self.before = self.pod()["metadata"]["uid"]
        desk = ("exec", "-n", NAMESPACE, "deploy/tidegate-egress", "-c", "egress", "--", "python", "-c")
        made = self.site.cluster.kubectl(*desk, IN_REVIEW.format(project=self.live.name, context=CONTEXT)).split()[-1]
        self.in_review = f"{REVIEW}/r/{made}"
        _must_work(self.ask("first.csv"))
        self.released = self.through("rosa")
        for name in CHECKERS:
            self.people[name].send(self._when(self.in_review, name, "/do/claim"), "/do/claim")

    def through(self, author: str) -> str:
        """The author's open request, submitted, approved by both and released."""
        asked = self.review.open_request(self.people[author])
        assert asked is not None
        self.review.submit(self.people[author], asked.address, CONTEXT)
        for name in CHECKERS:
            self._when(asked.address, name, "/do/claim")
        self.decide(asked.address)
        return asked.address

    def decide(self, address: str) -> None:
        for name in CHECKERS:
            self.review.approve_all(self.people[name], address)
        self.review.release(self.people[CHECKERS[-1]], address)

    def _when(self, address: str, name: str, form: str) -> Page:
        """The page once it has that form; before the scan is done a checker may not see it at all."""
        person = self.people[name]

        def is_there() -> bool:
            with contextlib.suppress(TidegateError):
                return person.open(address).has_form(form)
            return False

        eventually(f"{form} at {address}", is_there, 60, 0.5)
        return person.open(address)

    # What people do meanwhile. Each answers with what was seen.

    def lab(self) -> str:
        """Twice, since a workspace remembers for some seconds what the hub said of a login."""
        first = self._lab()
        time.sleep(LOGIN_SECONDS if first == WORKS else 0)
        return self._lab() if first == WORKS else first

    def _lab(self) -> str:
        with seeing() as seen:
            answer = self.people["rosa"].http.get(f"{self.lab_url}lab")
            seen.append(WORKS if "jupyter-config-data" in answer.text else told(answer))
        return seen[-1]

    def cell(self) -> str:
        """Twice, since a workspace learns within a second or two that what it shows can no longer be counted."""
        first = self.kernels["cell"].answers("print(6 * 7)", "42")
        time.sleep(OUTPUT_SECONDS)
        return self.kernels["cell"].answers("print(6 * 7)", "42") if first == WORKS else first

    def log_in(self) -> str:
        with Visitor("olga") as somebody:
            return somebody.come_in()

    def start(self, patience: float) -> str:
        """Ravi's workspace; closed again once it opened."""
        seen = self.opens("ravi", patience)
        if seen == WORKS:
            self.closes("ravi")
        return seen

    def ask(self, name: str) -> str:
        context = {"purpose": "As in the test."}
        code = ASK.format(name=name, settled=OUTPUT_SECONDS, project=self.live.name, context=context)
        return self.kernels["ask"].answers(code, f"{REVIEW}/r/")

    def vote(self) -> str:
        with seeing() as seen:
            page = self.people["chidi"].open(self.in_review)
            votes = {name: "approve" for name in page.field_names("/do/vote") if name.startswith("vote:")}
            self.people["chidi"].send(page, "/do/vote", votes)
            seen.append(WORKS)
        return seen[-1]

    def look(self) -> str:
        with seeing() as seen:
            answer = self.people["cleo"].http.get(f"{self.in_review}/view/table.csv")
            seen.append(WORKS if "statistic" in answer.text else told(answer))
        return seen[-1]

    def govern(self, name: str) -> str:
        """An officer gives somebody new a grant with `tidegate apply`; the controller lets them in."""
        file = self.site.folder / f"{name}.json"
        given = manifest(grant(f"{self.live.name}-{name}", person=name, project=self.live.name))
        file.write_text(json.dumps(given))
        try:
            answer = self.site.cli("apply", "-f", str(file), officer=True)
        except subprocess.TimeoutExpired:
            return "no answer in time"
        if answer.returncode:
            return answer.stderr.strip().splitlines()[-1]
        with contextlib.suppress(AssertionError):
            eventually("the right", lambda: self.may_start(name), 8, 0.5)
            return WORKS
        return "written; the project does not know it yet"

    def may_start(self, name: str) -> bool:
        return any(right["person"]["subject"] == name for right in self.live.status().get("spawnRights", ()))

    # How the workspace of somebody opens and closes.

    def opens(self, name: str, seconds: float) -> str:
        """Who is refused asks again, as people do: a policy that is just being published is stale for a moment."""
        deadline = time.monotonic() + seconds
        while (seen := self._opens(name, deadline)) != WORKS and time.monotonic() < deadline:
            time.sleep(0.5)
        return seen

    def _opens(self, name: str, deadline: float) -> str:
        with seeing() as seen:
            answer = self.people[name].http.get(f"{ORIGIN}/hub/spawn/{name}/{self.live.name}")
            while "Opening your workspace" in answer.text and time.monotonic() < deadline:
                time.sleep(0.5)
                answer = self.people[name].http.get(f"{ORIGIN}/hub/spawn-pending/{name}/{self.live.name}")
            seen.append(WORKS if "jupyter-config-data" in answer.text else told(answer))
        return seen[-1]

    def closes(self, name: str) -> None:
        """Patiently: what has just come back may not know yet what runs."""
        person = self.people[name]

        def ended() -> bool:
            with contextlib.suppress(httpx2.HTTPError):
                token = next((c.value for c in person.http.cookies.jar if c.name == "_xsrf" and c.path == "/hub/"), "")
                url = f"{ORIGIN}/hub/api/users/{name}/servers/{self.live.name}"
                said = person.http.delete(url, headers={"X-XSRFToken": token or "", "Origin": ORIGIN})
                return said.status_code in {204, 404}
            return False

        eventually(f"the end of {name}'s workspace", ended, 60, 0.5)

    def close(self) -> None:
        """What this test holds open."""
        for kernel in self.kernels.values():
            kernel.leave()
        for person in self.people.values():
            person.close()

    def pod(self) -> dict[str, Any]:
        found = self.live.cluster.list("pod", self.live.namespace, "tidegate.dev/role=workspace")
        (own,) = (each for each in found if "rosa" in each["metadata"]["name"])
        return own


def _must_work(seen: str) -> None:
    assert seen == WORKS, seen


@dataclass(frozen=True)
class Container:
    """One container of the release, known to the runtime by its pod and its name."""

    pod: str
    name: str

    @classmethod
    def of(cls, scene: Scene, component: str, name: str = "") -> "Container":
        label = f"app.kubernetes.io/component={component}"
        found: list[str] = []

        def there() -> bool:
            pods = [pod["metadata"] for pod in scene.live.cluster.list("pods", NAMESPACE, label)]
            found[:] = [each["name"] for each in pods if "deletionTimestamp" not in each]
            return len(found) == 1

        eventually(f"one pod of {component}", there, 30)
        return cls(found[0], name or component)

    def running(self) -> dict[str, int]:
        """Identity and process; asked of the runtime, since the API server may be what is away."""
        labels = {"pod.namespace": NAMESPACE, "pod.name": self.pod, "container.name": self.name}
        wanted = ",".join(f'labels."io.kubernetes.{key}"=={value}' for key, value in labels.items())
        mine = set(ctr("containers", "list", "-q", wanted).split())
        tasks = (line.split() for line in ctr("tasks", "list").splitlines())
        return {identity: int(process) for identity, process, state in tasks if identity in mine and state == "RUNNING"}

    def kill(self) -> None:
        """Returns once it is gone."""
        before = set(self.running())
        for identity in before:
            attempt(*CTR, "tasks", "kill", "--signal=SIGKILL", identity)
        eventually(f"the end of {self.name}", lambda: not before & set(self.running()), 20, 0.05)

    def hold(self) -> list[int]:
        """The process of the next one, stopped before it has come far."""
        eventually(f"the next {self.name} of {self.pod}", self.running, 90, 0.02)
        found = list(self.running().values())
        for process in found:
            os.kill(process, signal.SIGSTOP)
        return found


@contextlib.contextmanager
def killed(scene: Scene, *which: tuple[str, str]) -> Iterator[None]:
    """The kubelet starts the next ones by itself; inside the block they come no further than that."""
    containers = [Container.of(scene, component, name) for component, name in which]
    for container in containers:
        container.kill()
    held: list[int] = []
    try:
        for container in containers:
            held += container.hold()
        yield
    finally:
        for process in held:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
