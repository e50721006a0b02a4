"""JupyterHub's configuration file on Kubernetes: `jupyterhub -f` runs this, as `python -m workspace.hub` starts it."""

import os

from workspace.hub.kubernetes.settings import load_settings
from workspace.hub.kubernetes.silence import say_so
from workspace.hub.kubernetes.wiring import Addresses, open_site, traits

say_so()
_settings = load_settings()
_config = get_config()  # type: ignore[name-defined]  # noqa: F821 - traitlets gives it to configuration files
_all = traits(_settings, open_site(_settings), Addresses.of(_settings, os.environ))
for _section, _values in _all.items():
    _config[_section].update(_values)
