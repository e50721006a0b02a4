"""Kubernetes as every service sees it: the names things have there, and one narrow client. Nothing else imports it."""
