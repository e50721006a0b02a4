"""A refusal in the hub's terms; used by the spawners of both modes."""

from jupyterhub.spawner import SpawnException

from tidegate.model import TidegateError


def refusal(error: TidegateError) -> Exception:
    """In the three places the hub looks: its API's answer, its error page, and the page of a failed start."""
    denied = SpawnException(str(error), reason=error.code, status_code=400)
    denied.jupyterhub_message = str(error)
    return denied  # type: ignore[no-any-return]  # JupyterHub carries no types
