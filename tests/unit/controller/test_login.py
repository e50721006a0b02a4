"""The watches find the API server without a resolver: by the address that every pod is told."""

import kopf
import pytest

from provisioner.controller import watching


@pytest.mark.parametrize(
    ("host", "server"), [("10.96.0.1", "https://10.96.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_api_server_is_asked_at_its_address(monkeypatch: pytest.MonkeyPatch, host: str, server: str) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    named = kopf.ConnectionInfo(server="https://kubernetes.default.svc", token="t", ca_path="/ca")
    monkeypatch.setattr(kopf, "login_with_service_account", lambda **_: named)

    login = watching._login()

    assert login is not None
    assert (login.server, login.token, login.ca_path) == (server, "t", "/ca")
