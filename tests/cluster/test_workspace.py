"""A workspace's pod on the real cluster: it works, it is closed, and each of its two locks holds without the other."""

import contextlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from cluster.kit import Cluster, eventually
from cluster.places import (
    BEACON_ADDRESS,
    METADATA_ADDRESS,
    NODE_ADDRESS,
    RUN,
    S3_ADDRESS,
    S3_PORT,
    XNAT_ADDRESS,
    XNAT_PORT,
)
from cluster.workspace_parts import (
    COMPONENTS,
    CONTROLLER,
    HUB,
    MINE,
    OTHER,
    RELEASE,
    TOKEN,
    fences,
    inside,
    loader,
    release,
    rows,
    stores,
    workspace,
)

HERE = Path(__file__).parent
DRIVER = (HERE / "workspace_driver.py").read_text(encoding="utf-8")
REACH = (HERE / "workspace_reach.py").read_text(encoding="utf-8")
KEPT = RUN / "workspace-network.txt"
WORLD_SAW = RUN / "world" / "seen.jsonl"
PYTHON = "/opt/tidegate/venv/bin/python"
POLICIES = ("default-deny", "workspace")
# What the session server needs, and its own port, which a kernel without the first lock shares with it.
NEIGHBOUR = "other project's session server"
LEFT_BY_POLICY = frozenset({"hub", "egress intake", "own session server"})
Target = tuple[str, str, int]
Seen = dict[str, str]


@dataclass(frozen=True)
class Site:
    """Two projects' workspaces, and who may do what to them."""

    cluster: Cluster
    services: Mapping[str, str]
    pods: Mapping[str, str]
    addresses: Mapping[str, str]

    @property
    def controller(self) -> Cluster:
        return self.cluster.acting_as(*CONTROLLER)

    def run(self, cell: str, project: str = MINE) -> str:
        """What a cell printed, run through the session server as a browser would."""
        return self.cluster.kubectl(*self._driver(project), text=cell)

    def try_run(self, cell: str) -> str:
        """The same, for a cell whose kernel may not survive it."""
        return self.cluster.attempt(*self._driver(MINE), text=cell, seconds=120).stdout

    def _driver(self, project: str) -> tuple[str, ...]:
        url = f"http://{self.addresses[project]}:8888/user/rosa/{project}"
        return ("exec", "-i", "-n", RELEASE, "proxy", "--", PYTHON, "-I", "-c", DRIVER, url, TOKEN)

    def beside(self, container: str, code: str) -> str:
        return inside(self.cluster, MINE, self.pods[MINE], container, code)


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    controller, hub = cluster.acting_as(*CONTROLLER), cluster.acting_as(*HUB)
    for name in (RELEASE, f"tg-{MINE}", f"tg-{OTHER}"):
        controller.delete("namespace", name)
    pods = {}
    try:
        services = release(cluster)
        for project in (MINE, OTHER):
            controller.apply(*fences(project, services["hub"]), *stores(project), loader(project))
            controller.wait("pod/load", f"tg-{project}", "jsonpath={.status.phase}=Succeeded")
            state = tmp_path_factory.mktemp(project) / "state"
            pod = workspace(state, project, services["hub"], services["egress"])
            hub.apply(pod)
            pods[project] = pod["metadata"]["name"]
        yield Site(cluster, services, pods, {project: _started(cluster, project, pods[project]) for project in pods})
    finally:
        for project in (MINE, OTHER):
            controller.delete("namespace", f"tg-{project}", "", "--wait=false")
        cluster.delete("namespace", RELEASE, "", "--wait=false")


def _started(cluster: Cluster, project: str, name: str) -> str:
    cluster.wait(f"pod/{name}", f"tg-{project}", "condition=Ready", 90)
    eventually("the session server", lambda: "running at" in cluster.logs(f"tg-{project}", name, "-c", "notebook"))
    pod = cluster.get("pod", name, f"tg-{project}")
    assert pod is not None
    return str(pod["status"]["podIP"])


def test_a_cell_runs_and_prints(site: Site) -> None:
    assert site.run("import numpy, pydicom, SimpleITK\nprint(6 * 7)") == "42\n"


def test_home_and_the_projects_folder_are_written_and_kept(site: Site) -> None:
    site.run("for place in ('', 'shared/'): open(f'/home/researcher/{place}kept.txt', 'w').write('kept')")
    for place in ("", "shared/"):
        # The session server, another user of the same group, reads and writes there too.
        code = f"p = '/home/researcher/{place}kept.txt'; print(open(p).read()); open(p, 'a').write('!')"
        assert site.beside("notebook", code) == "kept\n"
    assert site.run("print(open('/home/researcher/kept.txt').read())") == "kept!\n"


def test_the_images_are_read_and_not_written(site: Site) -> None:
    cell = "import os; print(os.listdir('/cohort'), open('/cohort/one.dcm').read()); open('/cohort/more', 'w')"
    said = site.run(cell)
    assert said.startswith("['one.dcm'] image\nOSError: [Errno 30] Read-only file system")
    assert "False" in site.beside("notebook", "import os; print(os.path.exists('/cohort'))")


def test_nothing_a_kernel_sees_holds_a_token(site: Site) -> None:
    look = "import glob; print([p for p in glob.glob('/proc/[0-9]*/environ') if TOKEN in open(p, 'rb').read()])"
    code = f"TOKEN = {TOKEN!r}.encode()\n"
    assert "TIDEGATE" not in site.run("import os; print(sorted(os.environ))")
    quiet = look.replace("open(p, 'rb').read()", "(lambda: open(p, 'rb').read())()")
    unreadable = "PermissionError" in site.run(code + quiet)
    assert unreadable or site.run(code + quiet) == "[]\n"
    assert site.beside("kernel", code + "import os; print(any(TOKEN in v.encode() for v in os.environ.values()))") == (
        "False\n"
    )
    token_of_the_pod = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io/serviceaccount/token'))"
    assert site.run(token_of_the_pod) == site.beside("notebook", token_of_the_pod) == "False\n"


def test_a_kernel_sees_nothing_of_the_session_server(site: Site) -> None:
    """Another container: not its processes, not its private state, not its files."""
    assert site.run("import os; print(os.path.exists('/run/tidegate/private'))") == "False\n"
    names = site.run("import glob; print([open(p).read() for p in glob.glob('/proc/[0-9]*/comm')])")
    assert "jupyter" not in names
    processes = (
        "import glob; print(' '.join(open(p).read().replace(chr(0), ' ') for p in glob.glob('/proc/*/cmdline')))"
    )
    assert "workspace.session" not in site.run(processes)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"])
def test_a_kernel_gets_no_socket_and_neither_do_its_children(site: Site, family: str) -> None:
    code = f"import socket; socket.socket(socket.{family}, socket.SOCK_DGRAM)"
    assert site.run(code).startswith("OSError: [Errno 95]")
    child = (
        f"import subprocess, sys; print(subprocess.run([sys.executable, '-c', {code!r}], stderr=-1).stderr.decode())"
    )
    assert "OSError: [Errno 95]" in site.run(child)


def test_nothing_of_either_image_can_be_written(site: Site) -> None:
    for container in ("kernel", "notebook"):
        code = (
            "import os\n"
            "for p in ('/x', '/usr/x', '/opt/tidegate/x', '/etc/x'):\n"
            "    try: open(p, 'w'); print('written', p)\n"
            "    except OSError: pass\n"
            "print('end', os.getuid() != 0)"
        )
        assert site.beside(container, code) == "end True\n"


def targets(site: Site) -> dict[str, Target]:
    """Everything there is around a workspace."""
    ours = {"hub": "hub", "egress intake": "egress", "proxy": "proxy", "provisioner": "provisioner"}
    return {
        **{name: ("tcp", site.services[part], COMPONENTS[part]) for name, part in ours.items()},
        NEIGHBOUR: ("tcp", site.addresses[OTHER], 8888),
        "own session server": ("tcp", "127.0.0.1", 8888),
        "API server": ("tcp", "10.96.0.1", 443),
        "kubelet": ("tcp", NODE_ADDRESS, 10250),
        "metadata": ("tcp", METADATA_ADDRESS, 80),
        "XNAT": ("tcp", XNAT_ADDRESS, XNAT_PORT),
        "object store": ("tcp", S3_ADDRESS, S3_PORT),
        "the world": ("tcp", BEACON_ADDRESS, 80),
        "a made-up name": ("udp", BEACON_ADDRESS, 53),
    }


def expected(site: Site, asker: str) -> Seen:
    """By which locks are on. A kernel under the first has no socket to try with."""
    if asker.startswith("kernel,") and "filter off" not in asker:
        return dict.fromkeys(targets(site), "no socket")
    if "policy off" in asker:
        # The other project's own policies still stand.
        return {name: "closed" if name == NEIGHBOUR else "open" for name in targets(site)}
    return {name: "open" if name in LEFT_BY_POLICY else "closed" for name in targets(site)}


def tried(site: Site, asker: str) -> Seen:
    code = REACH.replace("= {}", f"= {targets(site)!r}", 1)
    if asker.startswith("kernel,") and "filter off" not in asker:
        return dict(rows(site.run(code)))
    return dict(rows(site.beside(asker.partition(",")[0], code)))


def arrivals(site: Site) -> int:
    """How often the world heard from this workspace."""
    lines = WORLD_SAW.read_text(encoding="utf-8").splitlines() if WORLD_SAW.exists() else []
    return sum(site.addresses[MINE] in json.dumps(json.loads(line)) for line in lines)


LOCKED = ("kernel, both locks", "kernel, filter off", "notebook, both locks")
OPENED = ("kernel, policy off", "kernel, filter off, policy off", "notebook, policy off")


@pytest.fixture(scope="module")
def table(site: Site) -> dict[str, tuple[Seen, Seen]]:
    """Expected beside seen, by asker; printed, and kept as a file beside the cluster."""
    before = arrivals(site)
    found = {asker: (expected(site, asker), tried(site, asker)) for asker in LOCKED}
    found["the world, both locks"] = ({"arrivals": "0"}, {"arrivals": str(arrivals(site) - before)})
    for policy in POLICIES:
        site.controller.delete("networkpolicy", policy, f"tg-{MINE}")
    try:
        # The control: without the policies all of it is there to be reached, so `closed` above was their doing.
        opened = OPENED[1]
        _settled(site, opened)
        found.update({asker: (expected(site, asker), tried(site, asker)) for asker in OPENED})
    finally:
        site.controller.apply(*fences(MINE, site.services["hub"]))
    _settled(site, LOCKED[2])
    text = "\n".join(itertools.chain.from_iterable(_lines(asker, *found[asker]) for asker in found)) + "\n"
    KEPT.write_text(text, encoding="utf-8")
    print(text)  # noqa: T201 - it is to be read
    return found


def _settled(site: Site, asker: str) -> None:
    """A policy takes a moment to hold or to be gone; what is not so after half a minute the table will show."""
    with contextlib.suppress(AssertionError):
        eventually("the policies", lambda: tried(site, asker) == expected(site, asker), 30)


def _lines(asker: str, wanted: Seen, seen: Seen) -> Iterator[str]:
    yield f"{asker:34}{'expected':12}seen"
    for name in wanted:
        mark = "" if wanted[name] == seen[name] else "   DIFFERENT"
        yield f"  {name:32}{wanted[name]:12}{seen[name]}{mark}"


@pytest.mark.parametrize("asker", LOCKED)
def test_a_workspace_reaches_what_it_needs_and_nothing_else(table: dict[str, tuple[Seen, Seen]], asker: str) -> None:
    wanted, seen = table[asker]
    assert seen == wanted


def test_nothing_of_it_arrived_in_the_world(table: dict[str, tuple[Seen, Seen]]) -> None:
    wanted, seen = table["the world, both locks"]
    assert seen == wanted


def test_the_filter_holds_where_the_policies_are_gone(table: dict[str, tuple[Seen, Seen]]) -> None:
    wanted, seen = table["kernel, policy off"]
    assert seen == wanted


@pytest.mark.parametrize("asker", OPENED[1:])
def test_with_the_locks_off_all_of_it_is_there(table: dict[str, tuple[Seen, Seen]], asker: str) -> None:
    wanted, seen = table[asker]
    assert seen == wanted


CANNOT = [
    ("get", "secrets"),
    ("list", "pods"),
    ("create", "pods"),
    ("get", "configmaps"),
    ("create", "pods/exec"),
    ("get", "projects.tidegate.dev"),
    ("create", "approvals.tidegate.dev"),
]


@pytest.mark.parametrize(("verb", "what"), CANNOT, ids=[" ".join(row) for row in CANNOT])
def test_a_workspaces_identity_can_do_nothing(site: Site, verb: str, what: str) -> None:
    somebody = site.cluster.acting_as_account(f"tg-{MINE}", "workspace")
    for namespace in (f"tg-{MINE}", f"tg-{OTHER}", "tidegate"):
        assert somebody.attempt("auth", "can-i", verb, what, "-n", namespace).stdout.strip() == "no"


def test_labels_without_a_binding_do_not_let_the_hub_in(site: Site, tmp_path: Path) -> None:
    """These namespaces look like a project's in every way but the role that the provisioner gives last."""
    hub = site.cluster.acting_as_account("tidegate", "hub")
    pod = workspace(tmp_path / "state", MINE, site.services["hub"], site.services["egress"])
    refused = hub.attempt("create", "-f", "-", text=json.dumps({**pod, "metadata": {**pod["metadata"], "name": "x"}}))
    assert refused.returncode != 0
    assert "cannot create resource" in refused.stderr


def test_a_kernel_that_takes_too_much_memory_is_ended_and_the_workspace_stays(site: Site) -> None:
    site.try_run("x = bytearray(2 << 30)")
    eventually("a kernel again", lambda: site.try_run("print('again')").endswith("again\n"), 90, 1)
    pod = site.cluster.get("pod", site.pods[MINE], f"tg-{MINE}")
    assert pod is not None
    (session,) = (each for each in pod["status"]["containerStatuses"] if each["name"] == "notebook")
    assert session["restartCount"] == 0
