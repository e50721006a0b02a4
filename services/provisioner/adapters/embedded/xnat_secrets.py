"""The accounts that pull from XNAT servers, one file a server in the folder of secrets. Read anew at each login."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from provisioner.adapters.xnat.listing import Credentials
from tidegate.model import TidegateError


class XnatSecrets:
    """Files `xnat-<host>.json`, or `xnat-<host>-<port>.json` where one host has several: ``{"user", "password"}``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def credentials(self, server: str) -> Credentials:
        """The account for the server at this address.

        Raises:
            TidegateError: ``XNAT_NO_ACCOUNT`` where there is none that can be read. Never says what is in the file.
        """
        address = urlsplit(server)
        host = address.hostname or ""
        for name in (f"xnat-{host}-{address.port}.json", f"xnat-{host}.json"):
            if (self._folder / name).is_file():
                return self._read(self._folder / name)
        raise self._none(f"There is no account for the XNAT server {host}.", f"xnat-{host}.json")

    def _read(self, path: Path) -> Credentials:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return Credentials(user=str(found["user"]), password=str(found["password"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise self._none(f"The account in {path.name} cannot be read.", path.name)

    def _none(self, sentence: str, name: str) -> TidegateError:
        return TidegateError(
            "XNAT_NO_ACCOUNT", sentence, f'The operator puts {{"user": ..., "password": ...}} into secrets/{name}.'
        )
