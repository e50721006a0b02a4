"""The trusted session server: the only thing the browser talks to in a workspace. Started by the spawner."""
