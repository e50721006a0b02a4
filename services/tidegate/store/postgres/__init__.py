"""PostgreSQL under the store on a cluster: the ledger, its intents, local accounts, migrations."""

from tidegate.store.postgres.accounts import PostgresAccounts
from tidegate.store.postgres.database import Database
from tidegate.store.postgres.ledger import Intent, PostgresLedger
from tidegate.store.postgres.migrate import create_roles, migrate

__all__ = ["Database", "Intent", "PostgresAccounts", "PostgresLedger", "create_roles", "migrate"]
