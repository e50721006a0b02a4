"""The hub: who may log in, who may start which workspace, and how its two sandboxes are started and stopped."""
