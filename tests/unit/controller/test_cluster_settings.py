"""What the provisioner is told on a cluster, its pages, and which project an event is about."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from provisioner.adapters.kubernetes.retained import ReviewAsked
from provisioner.adapters.kubernetes.servers import Hub
from provisioner.bootstrap_kubernetes import hub_of, review_of
from provisioner.controller.health import Health, not_older_than, serve
from provisioner.controller.watching import Watching, project_of, settings_of
from provisioner.kubernetes_settings import KubernetesSettings, Secrets, host_and_port, read_settings
from tidegate.model import TidegateError

GIVEN = {"servicesImage": "registry.tidegate.test/services@sha256:" + "a" * 64}


def read(folder: Path, content: object) -> KubernetesSettings:
    file = folder / "settings.json"
    file.write_text(json.dumps(content))
    return read_settings({"TIDEGATE_SETTINGS": str(file), "TIDEGATE_SECRETS": str(folder)})[0]


def test_settings_are_those_of_rendering_and_more(tmp_path: Path) -> None:
    store = {"endpoint": "https://s3.example.test", "region": "here"}
    settings = read(tmp_path, {**GIVEN, "objectStore": store, "cohort": {"volumeMib": 2048}, "resyncSeconds": 5})
    assert settings.cluster().s3_endpoint == "s3.example.test:443"
    assert settings.cohort.volume_mib == 2048
    assert settings.resync.total_seconds() == 5


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"volumeSize": 3}, "volumeSize"),
    "missing": ({"servicesImage": None}, "servicesImage"),
    "too small": ({"cohort": {"volumeMib": 1}}, "cohort.volumeMib"),
    "of another kind": ({"healthPort": "many"}, "healthPort"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_setting_is_named(tmp_path: Path, case: str) -> None:
    changes, field = WRONG[case]
    with pytest.raises(TidegateError) as refusal:
        read(tmp_path, {**GIVEN, **changes})
    assert refusal.value.code == "settings_invalid"
    assert field in str(refusal.value)


def test_a_settings_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TidegateError, match="settings_invalid"):
        read_settings({"TIDEGATE_SETTINGS": str(tmp_path / "none.json")})


def test_secrets_are_read_from_files_and_shown_by_nothing(tmp_path: Path) -> None:
    (tmp_path / "s3-access-key").write_text("key\n")
    (tmp_path / "s3-secret-key").write_text("hunter2\n")
    key = Secrets(tmp_path).s3_key()
    assert (key.access, key.secret) == ("key", "hunter2")
    assert "hunter2" not in repr(key)
    assert Secrets(tmp_path).text("none") == ""


def test_hub_and_review_are_called_by_number_as_the_release_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pod that is told no resolver would never reach a name, and stop workspaces the slow way only."""
    settings = read(tmp_path, {**GIVEN, "hubService": "second-one-hub", "egressService": "second-one-egress"})
    monkeypatch.setenv("SECOND_ONE_HUB_SERVICE_HOST", "10.96.0.6")
    monkeypatch.setenv("SECOND_ONE_EGRESS_SERVICE_HOST", "10.96.0.7")
    assert hub_of(settings, Secrets(tmp_path)) is None, "no token, no hub"
    (tmp_path / "hub-token-provisioner").write_text("hunter2\n")
    (tmp_path / "retention-token").write_text("hunter3\n")
    hub, review = hub_of(settings, Secrets(tmp_path)), review_of(settings, Secrets(tmp_path))
    assert hub == Hub("http://10.96.0.6:8081/hub/api", "hunter2")
    assert review == ReviewAsked("http://10.96.0.7:8004", "hunter3")
    assert "hunter" not in f"{hub}{review}"


@pytest.mark.parametrize(
    ("endpoint", "found"),
    [
        ("198.51.100.4:8333", "198.51.100.4:8333"),
        ("http://198.51.100.4:8333", "198.51.100.4:8333"),
        ("https://s3.example.test", "s3.example.test:443"),
        ("http://s3.example.test", "s3.example.test:80"),
    ],
)
def test_an_endpoint_becomes_host_and_port(endpoint: str, found: str) -> None:
    assert host_and_port(endpoint) == found


OBJECTS: dict[str, tuple[dict[str, Any], str | None]] = {
    "ours": ({"metadata": {"name": "workspace", "namespace": "tg-a-b", "labels": {}}}, "a-b"),
    "a namespace": ({"kind": "Namespace", "metadata": {"name": "tg-a"}}, "a"),
    "another namespace": ({"kind": "Namespace", "metadata": {"name": "kube-system"}}, None),
    "foreign, elsewhere": ({"metadata": {"name": "x", "namespace": "default"}}, None),
    "a lying label": ({"metadata": {"namespace": "tg-a", "labels": {"tidegate.dev/project": "b"}}}, "a"),
    "a label elsewhere": ({"metadata": {"namespace": "web", "labels": {"tidegate.dev/project": "b"}}}, None),
    "a volume": ({"metadata": {"name": "v", "labels": {"tidegate.dev/project": "b"}}}, "b"),
    "a canary": ({"metadata": {"namespace": "tg-a", "labels": {"tidegate.dev/canary": "true"}}}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize("case", OBJECTS)
def test_an_event_is_about_the_project_of_its_namespace(case: str) -> None:
    body, project = OBJECTS[case]
    assert project_of(body) == project


def test_kopf_is_set_to_watch_and_nothing_else() -> None:
    settings = settings_of()
    assert settings.peering.standalone
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    assert settings.networking.enforce_retry_after
    assert settings.watching.inactivity_timeout == 70
    assert settings.watching.server_timeout == 300
    assert settings.queueing.worker_limit == 8
    assert settings.execution.default_backoff == 5


def test_kopf_has_event_handlers_alone() -> None:
    """A handler of creation or change would write an annotation to every object."""
    registry = Watching(lambda _key: None).registry()
    assert len(registry._watching.get_all_handlers()) == 1
    for other in (registry._changing, registry._spawning, registry._webhooks, registry._indexing):
        assert not other.get_all_handlers()


def ask(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_fails_where_something_is_silent_and_says_what() -> None:
    ages = {"loop": 1.0, "watch": 2.0}
    ready = {"lease": "another process leads"}
    health = Health(
        live={name: not_older_than(30, lambda name=name: ages[name]) for name in ages},  # type: ignore[misc]
        ready={"lease": lambda: ready["lease"]},
        metrics=lambda: b"tidegate_x 1\n",
    )
    server = serve(health, 0)
    port = server.server_address[1]
    try:
        assert ask(port, "/healthz") == (200, "loop: ok\nwatch: ok\n")
        assert ask(port, "/readyz")[0] == 503
        ready["lease"] = ""
        assert ask(port, "/readyz")[0] == 200
        ages["watch"] = 31
        assert ask(port, "/healthz") == (503, "loop: ok\nwatch: silent for 31 s\n")
        ages["watch"] = float("inf")
        assert ask(port, "/healthz")[1].endswith("watch: never heard of\n")
        assert ask(port, "/metrics") == (200, "tidegate_x 1\n")
        assert ask(port, "/")[0] == 404
    finally:
        server.shutdown()
        server.server_close()
