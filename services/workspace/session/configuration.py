"""How Jupyter Server and Lab are configured in a workspace. `app` applies it; no file is read for it.

Everything a researcher's code could write lies in home, so nothing that decides lies there: configuration, kernelspecs,
extensions, settings, signing keys and connection files are in the image or in private state.
"""

import os
from pathlib import Path
from typing import Final

from traitlets.config import Config

from workspace.session import guard
from workspace.session.contents import GuardedContents
from workspace.session.csp import answer_headers
from workspace.session.manager import GuardedKernels, OnlyOurKernelspecs
from workspace.session.settings import SessionSettings
from workspace.session.websocket import GuardedConnection

KERNEL: Final = "python3"
MAX_BODY: Final = 40_000_000
IDLE_KERNEL_SECONDS: Final = 8 * 3600

EXTENSIONS: Final = {
    "jupyterlab": True,
    "jupyter_lsp": False,
    "jupyter_server_terminals": False,
    "notebook_shim": False,
}


def prepare_environment(private: Path) -> None:
    """Point every Jupyter path at private state before Jupyter computes one."""
    folders = {name: private / name.removeprefix("JUPYTER_").lower() for name in _FOLDERS}
    for folder in folders.values():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.update({name: str(folder) for name, folder in folders.items()})
    os.environ["JUPYTERHUB_DISABLE_USER_CONFIG"] = "1"
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH"):
        os.environ.pop(name, None)


_FOLDERS: Final = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)


def configure(settings: SessionSettings) -> Config:
    config = Config()
    _server(config, settings)
    _kernels(config)
    _lab(config, settings)
    return config


def _server(config: Config, settings: SessionSettings) -> None:
    server = config.ServerApp
    server.root_dir = str(settings.home)
    server.contents_manager_class = GuardedContents
    server.kernel_manager_class = GuardedKernels
    server.kernel_websocket_connection_class = GuardedConnection
    server.allow_unauthenticated_access = False
    server.allow_root = False
    server.terminals_enabled = False
    server.open_browser = False
    server.default_url = "/lab"
    server.quit_button = False
    server.max_body_size = MAX_BODY
    server.max_buffer_size = MAX_BODY
    server.tornado_settings = {"headers": answer_headers(settings.public_origin)}
    config.ContentsManager.allow_hidden = False
    config.HubOAuth.cache_max_age = 5


def _kernels(config: Config) -> None:
    config.ServerApp.kernel_spec_manager_class = OnlyOurKernelspecs
    config.KernelSpecManager.allowed_kernelspecs = {KERNEL}
    config.KernelSpecManager.ensure_native_kernel = False
    kernels = config.MappingKernelManager
    kernels.default_kernel_name = KERNEL
    kernels.allowed_message_types = list(guard.INCOMING)
    kernels.buffer_offline_messages = False
    kernels.cull_idle_timeout = IDLE_KERNEL_SECONDS
    kernels.cull_connected = True
    config.KernelManager.transport = "ipc"


def _lab(config: Config, settings: SessionSettings) -> None:
    config.LabApp.extension_manager = "readonly"
    config.LabApp.news_url = None
    config.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
    config.LabApp.user_settings_dir = str(settings.private / "lab_settings")
    config.LabApp.workspaces_dir = str(settings.private / "lab_workspaces")
    config.LabApp.extra_labextensions_path = []
    config.LabApp.default_url = "/lab"
