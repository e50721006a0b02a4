"""Where egress review meets the world: database, hub, people, policy, scan. Put together by `bootstrap`."""
