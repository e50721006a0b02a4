"""How long from asking for a workspace to its page answering, as a ratio to the stock single-user server.

Ours is asked through the real proxy and hub and includes the policy's decision, two sandboxes, the launcher and the
login at the workspace's own origin. The peer is the process of `jupyterhub-singleuser` alone, from start to first
answer, with neither sandbox nor hub work, so the ratio says what all of Tidegate adds.
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import httpx2

import hub_kit
from workspace.hub.workspaces import free_port

ROUNDS = 5
SECONDS = 60.0


def ours(client: hub_kit.Client, up: hub_kit.Up) -> float:
    began = time.perf_counter()
    answer = client.open("rosa", hub_kit.PROJECT)
    taken = time.perf_counter() - began
    assert answer.status_code == hub_kit.OK, answer.text
    client.api("DELETE", f"users/rosa/servers/{hub_kit.PROJECT}")
    servers = up.settings.state / "run" / "servers"
    hub_kit.until(lambda: list(servers.iterdir()) == [], SECONDS)
    return taken


def stock(up: hub_kit.Up, folder: Path) -> float:
    """The stock server with the environment a hub gives it, asked until it answers."""
    port = free_port()
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "JUPYTERHUB_API_TOKEN": "none",
        "JUPYTERHUB_API_URL": f"http://127.0.0.1:{up.settings.port + 1}/hub/api",
        "JUPYTERHUB_CLIENT_ID": "none",
        "JUPYTERHUB_USER": "rosa",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/rosa/",
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{port}/user/rosa/",
    }
    command = [sys.executable, "-m", "jupyterhub.singleuser", "--allow-root"]
    began = time.perf_counter()
    with subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        hub_kit.until(lambda: _answers(f"http://127.0.0.1:{port}/user/rosa/api"), SECONDS)
        taken = time.perf_counter() - began
        server.send_signal(signal.SIGKILL)
    return taken


def _answers(url: str) -> bool:
    try:
        return httpx2.get(url, timeout=2.0, trust_env=False).status_code == hub_kit.OK
    except httpx2.HTTPError:
        return False


def main() -> float:
    """Print and return the ratio; the two are measured in turns, so that a busy machine slows both."""
    with tempfile.TemporaryDirectory() as place:
        world = hub_kit.usual_world(Path(place) / "state")
        with hub_kit.running(world.state) as up:
            client = up.client()
            client.log_in("rosa")
            ours(client, up)
            pairs = [(ours(client, up), stock(up, Path(place))) for _ in range(ROUNDS)]
    workspace, peer = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = workspace / peer
    print(f"workspace ready: {workspace:.2f} s; the stock single-user server alone {peer:.2f} s; ratio {ratio:.2f}")
    return ratio


if __name__ == "__main__":
    main()
