"""`python -m workspace.session`: what the spawner runs inside the session sandbox."""

from workspace.session.app import launch

if __name__ == "__main__":
    launch()
