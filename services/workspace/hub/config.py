"""JupyterHub's configuration file: `jupyterhub -f` runs this, as `tidegate up` starts it."""

import os
from pathlib import Path

from workspace.hub.machine import MachineSite
from workspace.hub.settings import FILE_VARIABLE, HubSettings
from workspace.hub.wiring import traits

_settings = HubSettings.load(Path(os.environ[FILE_VARIABLE]))
_config = get_config()  # type: ignore[name-defined]  # noqa: F821 - traitlets gives it to configuration files
for _section, _values in traits(_settings, MachineSite(_settings)).items():
    _config[_section].update(_values)
