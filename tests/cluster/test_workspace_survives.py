"""A workspace of the installed release while hub, database and proxy are killed: it goes on, and is found again."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hub_kit
from cluster.kit import Cluster, eventually
from cluster.parts import stopped
from cluster.people import ClusterSite
from cluster.places import PAGES_PORT
from cluster.site_secrets import NAMESPACE
from cluster_live_kit import Live
from tidegate.demo.stage import password_of

START_SECONDS = 180
BACK_SECONDS = 90


@pytest.fixture
def live(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.setattr(hub_kit, "DOMAIN", "tidegate.test")
    ClusterSite(cluster, tmp_path).prepare()
    made = Live(cluster, f"w{secrets.token_hex(4)}")
    made.register()
    made.deployed()
    yield made
    made.close()


def logged_in() -> hub_kit.Client:
    client = hub_kit.Client(PAGES_PORT)
    client.log_in("rosa", password_of("rosa"))
    return client


def logs_in(live: Live) -> bool:
    """Whether somebody who comes new gets in. A hub that lost its database starts again first."""
    try:
        return lab(logged_in(), live)
    except (hub_kit.HTTPError, AssertionError):
        return False


def lab(client: hub_kit.Client, live: Live) -> bool:
    """Whether the very same login still opens the workspace."""
    try:
        page = client.get(f"http://rosa.tidegate.test:{PAGES_PORT}/user/rosa/{live.name}/lab")
    except (hub_kit.HTTPError, AssertionError):
        return False
    return page.status_code == hub_kit.OK and "jupyter-config-data" in page.text


def kill(live: Live, component: str) -> None:
    label = f"--selector=app.kubernetes.io/component={component}"
    live.cluster.kubectl("delete", "pods", "-n", NAMESPACE, label, "--grace-period=0", "--force")


def pod(live: Live) -> dict[str, Any]:
    (found,) = live.cluster.list("pod", live.namespace, "tidegate.dev/role=workspace")
    return found


@pytest.mark.timeout(900)
def test_a_workspace_outlives_hub_database_and_proxy(live: Live) -> None:
    client = logged_in()
    assert "jupyter-config-data" in client.open("rosa", live.name, START_SECONDS).text
    before = pod(live)["metadata"]["uid"]

    kill(live, "hub")
    eventually("the workspace after the hub", lambda: lab(client, live), BACK_SECONDS, 1)
    with stopped("postgres"):
        assert pod(live)["metadata"]["uid"] == before
    eventually("the workspace after the database", lambda: lab(client, live), BACK_SECONDS, 1)
    eventually("a new login", lambda: logs_in(live), BACK_SECONDS, 1)
    kill(live, "proxy")
    eventually("the workspace after the proxy", lambda: lab(client, live), BACK_SECONDS, 1)

    after = pod(live)
    assert after["metadata"]["uid"] == before
    assert [each["restartCount"] for each in after["status"]["containerStatuses"]] == [0, 0]
    assert client.api("DELETE", f"users/rosa/servers/{live.name}").status_code in {202, 204}
    eventually("its end", lambda: not live.cluster.list("pod", live.namespace, "tidegate.dev/role=workspace"), 60)
