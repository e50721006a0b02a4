"""The hub on Kubernetes: its settings, its wiring, and the spawner that makes a workspace a pod."""
