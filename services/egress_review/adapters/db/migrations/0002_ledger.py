"""SQLite: the ledger's table and its triggers. In PostgreSQL all services share one, which the store's scripts make."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from tidegate.ledger import LedgerTable


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "sqlite":
        return
    with schema_editor.connection.cursor() as cursor:
        LedgerTable("egress", mark="%s").create(cursor)


class Migration(migrations.Migration):
    dependencies = [("egress", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
