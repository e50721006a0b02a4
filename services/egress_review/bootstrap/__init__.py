"""Puts egress review together from its environment; nothing else imports adapters and web side by side."""
