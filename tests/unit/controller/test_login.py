"""The watches find the API server without a resolver: by the address that every pod is told."""

from pathlib import Path

import pytest

from provisioner.controller import watching


@pytest.mark.parametrize(
    ("host", "server"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_api_server_is_asked_at_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, server: str
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.setattr(watching, "ACCOUNT", tmp_path)
    (tmp_path / "token").write_text("of-the-pod\n")

    login = watching._login()

    assert login is not None
    assert (login.server, login.token, login.ca_path) == (server, "of-the-pod", str(tmp_path / "ca.crt"))
