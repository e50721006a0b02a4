"""Which cluster is meant: the one named, else KUBECONFIG, else the pod's own; a wrong name is said in a sentence."""

from pathlib import Path

import pytest
import yaml

from tidegate.cluster.connection import open_api
from tidegate.model import TidegateError

CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.test"}} for name in ("one", "two")],
    "users": [{"name": "me", "user": {"token": "very-secret"}}],
    "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}} for name in ("one", "two")],
}


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(CONFIG))
    return path


def test_the_file_named_counts_and_its_context(kubeconfig: Path) -> None:
    assert open_api(kubeconfig, None, {}).configuration.host == "https://one.example.test"
    assert open_api(kubeconfig, "two", {}).configuration.host == "https://two.example.test"


def test_the_environment_counts_before_the_pod_s_own_account(kubeconfig: Path) -> None:
    env = {"KUBECONFIG": str(kubeconfig), "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
    assert open_api(None, None, env).configuration.host == "https://one.example.test"


def test_the_library_never_sends_a_write_twice_by_itself(kubeconfig: Path) -> None:
    assert open_api(kubeconfig, None, {}).configuration.retries is False


BROKEN = {
    "missing": None,
    "no yaml": "a: [",
    "empty": "",
    "another kind of file": "hello: world\n",
    "no such context": yaml.safe_dump({**CONFIG, "current-context": "three"}),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_names_no_cluster_is_said_without_its_secrets(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config").write_text(text)
    with pytest.raises(TidegateError) as refused:
        open_api(tmp_path / "config", None, {})
    assert refused.value.code == "cluster_unconfigured"
    assert "very-secret" not in str(refused.value)


def test_a_pod_without_its_token_is_said() -> None:
    with pytest.raises(TidegateError, match="cluster_unconfigured"):
        open_api(None, None, {"KUBERNETES_SERVICE_HOST": "10.96.0.1"})
