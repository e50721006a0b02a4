"""The pages of review and the intake for workspaces. Every act goes to a use case; nothing is decided here."""
