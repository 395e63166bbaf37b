"""The schema is brought up to date, in one transaction, by alembic."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from stratoscope.downtime.database.errors import StoreError

APPLICATION: Final = 0x53564454
"""SQLite's `application_id` of this database."""
NEWEST: Final = 2
"""Migrations are numbered from 1; their number, as text of four digits, is alembic's revision."""
VERSIONS: Final = "stratoscope_downtime_schema"
"""The table in which alembic has the schema's number."""

_log: Final = logging.getLogger(__name__)
_ANOTHERS: Final = "is a database of another program: move it away, and an empty one begins"
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x53564454_0001
"""PostgreSQL's advisory lock of an upgrade."""


def upgrade(connection: Connection, shown: str) -> None:
    """Create the tables, or bring them up to date. The connection is in a transaction.

    Raises:
        StoreError: The database is another program's, damaged, or its schema is newer.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it says five lines at each start
    prepare = {"sqlite": check_file, "postgresql": wait_for_turn}
    prepare[connection.dialect.name](connection, shown)
    found = MigrationContext.configure(connection, opts={"version_table": VERSIONS}).get_current_revision()
    version = int(found or 0)
    if version > NEWEST:
        known = f"has schema {version}, and this version knows {NEWEST}"
        raise StoreError(shown, f"{known}: run the newer version, or restore a backup")
    if version < NEWEST:
        _migrate(connection)
        _log.info(
            "the database's schema is brought up to date database=%s schema=%d was=%d", shown, NEWEST, version
        )


def check_owner(file: Path) -> None:
    """Look at a file of SQLite without changing it; what is damaged is for `check_file` to say.

    Raises:
        StoreError: It is another program's.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as found:
            (application,) = found.execute("PRAGMA application_id").fetchone()
            (tables,) = found.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        return
    if application != APPLICATION and (tables or application):
        raise StoreError(str(file), _ANOTHERS)


def wait_for_turn(connection: Connection, _: str) -> None:
    """Of two processes that start one waits for the other's upgrade."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")


def check_file(connection: Connection, shown: str) -> None:
    """Raises StoreError: The file is another program's, or damaged."""
    application = connection.exec_driver_sql("PRAGMA application_id").scalar_one()
    is_empty = not inspect(connection).get_table_names()
    if application != APPLICATION and not (is_empty and application == 0):
        raise StoreError(shown, _ANOTHERS)
    if connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one() != "ok":
        raise StoreError(shown, "is damaged: end this service and restore a backup")
    connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")


def _migrate(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    def steps(current: Any, _: MigrationContext) -> Any:
        return scripts._upgrade_revs("head", current)  # noqa: SLF001 -- alembic.command does the same

    environment = EnvironmentContext(config, scripts, fn=steps, destination_rev="head")
    with environment:
        environment.configure(connection, version_table=VERSIONS, transactional_ddl=True)
        environment.run_migrations()
