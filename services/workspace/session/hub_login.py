"""Asking the hub whose login a request carries, and saying so in a person's words where the hub does not answer.

Jupyter's own words name addresses and tokens. `app` puts this in the place of JupyterHub's identity provider.
"""

from typing import Any, Final

from jupyterhub.services.auth import HubOAuth
from jupyterhub.singleuser.extension import JupyterHubIdentityProvider
from tornado.web import HTTPError
from traitlets import default

SILENT: Final = (
    "Tidegate cannot check your login at the moment. What runs in this workspace goes on, and saved files are safe. "
    "Load the page again in a minute."
)
CODE: Final = "hub_unavailable"
NOT_NOW: Final = 503
TROUBLE: Final = 500


class PatientHubOAuth(HubOAuth):  # type: ignore[misc]  # JupyterHub carries no types
    """A hub that is away decides nothing: nobody is let in and nobody's login is thrown away."""

    async def _api_request(self, method: str, url: str, /, **options: Any) -> Any:  # noqa: ANN401 - JupyterHub's
        try:
            return await super()._api_request(method, url, **options)
        except HTTPError as error:
            if error.status_code < TROUBLE:
                raise
            raise HTTPError(NOT_NOW, SILENT, reason=CODE) from error


class HubLogin(JupyterHubIdentityProvider):  # type: ignore[misc]  # as above
    """JupyterHub's, asking as above."""

    @default("hub_auth")  # type: ignore[untyped-decorator]  # as above
    def _default_hub_auth(self) -> PatientHubOAuth:
        return PatientHubOAuth(parent=self)
