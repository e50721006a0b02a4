"""The transfer goes the way the environment says, as the listing does."""

import pytest
import urllib3

from provisioner.adapters.xnat.transfer import client_for


@pytest.mark.parametrize(
    ("environment", "kind"),
    [
        ({}, urllib3.PoolManager),
        ({"http_proxy": "http://proxy.example:3128"}, urllib3.ProxyManager),
        ({"http_proxy": "http://proxy.example:3128", "no_proxy": "xnat.example"}, urllib3.PoolManager),
        ({"https_proxy": "http://proxy.example:3128"}, urllib3.PoolManager),
    ],
)
def test_the_proxy_of_the_environment_is_used_unless_it_excepts_the_server(
    environment: dict[str, str], kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with client_for("http://xnat.example:8080", 2, (1.0, 1.0)) as client:
        assert type(client) is kind
