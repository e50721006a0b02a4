"""The officers' side: registers, approvals and grants. For now behind the command line."""
