"""Where the six kinds of resource live. SQLite on one machine; custom resources on Kubernetes."""

from tidegate.store.port import Account, ResourceStore, Store
from tidegate.store.sqlite import SqliteStore

__all__ = ["Account", "ResourceStore", "SqliteStore", "Store"]
