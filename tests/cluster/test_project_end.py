"""How the parts of the installed release end what is over: workspaces by way of the hub and without it, and a project
that closes while review still has something of it.
"""

import secrets
import textwrap
from collections.abc import Iterator
from datetime import timedelta

import pytest

import hub_kit
from cluster.kit import Cluster, eventually
from cluster.people import ClusterSite
from cluster.places import PAGES_PORT
from cluster.site_secrets import NAMESPACE
from cluster_cohort_kit import now
from cluster_live_kit import Live
from model_kit import NOW, YEAR, grant
from tidegate.demo.stage import password_of

START_SECONDS = 180
WORKSPACES = "tidegate.dev/role=workspace"
DESK = """
    import hashlib, io, json
    from egress_review.bootstrap.commands import place_here, start
    ports = start(place_here())
    from egress_review.application import drafts, reviewing
    from egress_review.application.acts import By
    from egress_review.domain.parties import Actor, ActorKind, as_person
    from tidegate.model import PersonRef, utc_now
    def by(who): return By(as_person(PersonRef(subject=who)), utc_now())
    def workspace(who): return By(Actor(ActorKind.WORKSPACE, PersonRef(subject=who), PROJECT), utc_now())
"""
ASK = """
    fields = ("purpose", "audience", "row_meaning", "smallest_count", "control", "code")
    made = drafts.create_draft(ports, PROJECT, workspace("rosa"), dict.fromkeys(fields, "As in the test."))
    content = f"group,n\\ncases,120\\nrun {PROJECT},200\\n".encode()
    sent = drafts.Upload("table.csv", io.BytesIO(content), hashlib.sha256(content).hexdigest())
    drafts.add_file(ports, made.id, workspace("rosa"), sent)
    print(drafts.submit(ports, made.id, by("rosa")).id)
"""
CLOSE = """
    (found,) = ports.requests.find(project=PROJECT)
    print(reviewing.close_held(ports, found.id, by("gwen"), "The project ends.").status)
"""
STATE = """
    (found,) = ports.requests.find(project=PROJECT)
    print(found.status)
"""
CALL = """
    import os, urllib.error, urllib.request
    try:
        url = f"http://{os.environ['TIDEGATE_EGRESS_SERVICE_HOST']}:8004/retained/v1/any"
        urllib.request.urlopen(url, timeout=2)
    except urllib.error.HTTPError as error:
        print(error.code)
    except OSError as error:
        print(type(error).__name__)
"""


@pytest.fixture(scope="module")
def live(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    ClusterSite(cluster, tmp_path_factory.mktemp("people")).prepare()
    made = Live(cluster, f"e{secrets.token_hex(4)}")
    made.register()
    made.write(grant(f"{made.name}-gwen", person="gwen", role="governance-officer"))
    made.deployed()
    yield made
    if not made.step("deletion") and made.phase() != "deleted":
        made.close()
    made.governance().delete("grants.tidegate.dev", f"{made.name}-gwen")


def start(live: Live) -> None:
    """Rosa may work, and does."""
    live.write(grant(f"{live.name}-rosa", project=live.name, until=NOW + YEAR))
    eventually("her right", lambda: live.status().get("spawnRights"), 60)
    client = hub_kit.Client(PAGES_PORT)
    client.log_in("rosa", password_of("rosa"))
    # The hub's policy server hears of a new grant with its next bundle; until then it lets nobody start.
    eventually("her workspace", lambda: opens(client, live), START_SECONDS, 3)
    assert workspaces(live)


def opens(client: hub_kit.Client, live: Live) -> bool:
    try:
        return "jupyter-config-data" in client.open("rosa", live.name, START_SECONDS).text
    except (hub_kit.HTTPError, AssertionError):
        return False


def end_her_grant(live: Live) -> None:
    live.write(grant(f"{live.name}-rosa", project=live.name, until=now() + timedelta(seconds=2)))
    eventually("her workspace has ended", lambda: not workspaces(live), 30)


def workspaces(live: Live) -> list[str]:
    return [pod["metadata"]["name"] for pod in live.cluster.list("pod", live.namespace, WORKSPACES)]


def logged(live: Live, component: str, since: str = "10m") -> list[str]:
    """What a part said of this project."""
    where = (f"deploy/tidegate-{component}", "-c", component, f"--since={since}")
    said = live.cluster.kubectl("logs", "-n", NAMESPACE, *where)
    return [line for line in said.splitlines() if live.name in line]


def scaled(live: Live, component: str, replicas: int) -> None:
    deployment = f"deploy/tidegate-{component}"
    live.cluster.kubectl("scale", "-n", NAMESPACE, deployment, f"--replicas={replicas}")
    live.cluster.kubectl("rollout", "status", "-n", NAMESPACE, deployment, "--timeout=180s")
    gone = f"app.kubernetes.io/component={component}"
    if not replicas:
        eventually(f"no {component}", lambda: not live.cluster.list("pod", NAMESPACE, gone), 120)


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_kit, "DOMAIN", "tidegate.test")


def test_a_workspace_whose_right_ends_is_stopped_by_the_hub(live: Live) -> None:
    """The provisioner has no resolver; it finds the hub by number, and the hub itself ends what it started."""
    start(live)
    end_her_grant(live)
    asked = [line for line in logged(live, "hub") if "DELETE" in line and "(provisioner@" in line]
    assert asked, logged(live, "hub")
    assert any(f"/users/rosa/servers/{live.name}" in line for line in asked)
    assert not [line for line in logged(live, "provisioner") if "hub did not answer" in line]


def test_without_a_hub_it_is_stopped_all_the_same(live: Live) -> None:
    start(live)
    scaled(live, "hub", 0)
    try:
        end_her_grant(live)
        said = logged(live, "provisioner")
        assert [line for line in said if "hub did not answer" in line], said
        assert [line for line in said if "ended without the hub" in line], said
    finally:
        scaled(live, "hub", 1)


# A project that closes while review has something of it.


def in_pod(live: Live, component: str, script: str) -> str:
    """The last line of what a script prints in the pod of a component."""
    command = ("exec", "-n", NAMESPACE, f"deploy/tidegate-{component}", "-c", component, "--", "python", "-c")
    return live.cluster.kubectl(*command, textwrap.dedent(script), seconds=120).strip().splitlines()[-1]


def at_the_desk(live: Live, script: str) -> str:
    return in_pod(live, "egress", f"PROJECT = {live.name!r}\n" + textwrap.dedent(DESK) + textwrap.dedent(script))


def look_again(live: Live) -> None:
    """What governance changes about a project is looked at at once, and not only at the next round."""
    live.write(grant(f"{live.name}-rosa", project=live.name, until=NOW + YEAR / 2))


def retained(live: Live) -> tuple[bool, str]:
    found = live.condition("Retained")
    return found.get("status", False), found.get("reason", "")


@pytest.mark.parametrize(("component", "heard"), [("provisioner", "401"), ("egress-worker", ""), ("hub", "")])
def test_the_provisioner_alone_gets_as_far_as_being_asked_for_its_token(
    cluster: Cluster, component: str, heard: str
) -> None:
    live = Live(cluster, "any")
    said = in_pod(live, component, CALL)
    assert said == heard or (not heard and said in {"TimeoutError", "URLError", "timeout"}), said


@pytest.mark.timeout(600)
def test_a_closed_project_waits_for_review_and_is_certified_after_it(live: Live) -> None:
    live.write(grant(f"{live.name}-rosa", project=live.name, until=NOW + YEAR))
    eventually("her right", lambda: live.status().get("spawnRights"), 60)
    at_the_desk(live, ASK)
    eventually("it waits for review", lambda: at_the_desk(live, STATE) == "submitted", 120, 2.0)

    scaled(live, "egress", 0)
    try:
        live.close()
        eventually("nobody can say", lambda: retained(live) == (True, "RequestsUnknown"), 180)
        assert "could not be asked" in live.condition("Retained")["message"]
        assert live.phase() == "pending-deletion"
    finally:
        scaled(live, "egress", 1)
    eventually("review says", lambda: retained(live) == (True, "RequestsOpen"), 330)
    assert live.condition("Retained")["message"].startswith("1 of its requests still await review or release")
    assert live.step("deletion")["code"] == "requests_open"
    assert live.phase() == "pending-deletion"

    assert at_the_desk(live, CLOSE) == "expired"
    look_again(live)
    eventually("its end", lambda: live.phase() in {"deleted", ""}, 120)
    assert live.phase() == "" or retained(live) == (False, "NothingRetained")
