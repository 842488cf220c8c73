"""Runs Alembic's migrations from the program: there is no configuration file and no command to forget."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, create_engine

from headrace_coordinator.store.migrations import HEAD


def upgrade_sqlite(path: Path) -> None:
    """Bring an SQLite file to the newest revision, in one transaction."""
    engine = create_engine(URL.create("sqlite", database=str(path)))
    try:
        with engine.begin() as connection:
            upgrade(connection)
    finally:
        engine.dispose()


def upgrade(connection: Connection, revision: str = HEAD) -> None:
    """Bring a database to a revision, the newest one by itself."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    def steps(found: tuple[str, ...] | str, _context: MigrationContext) -> list[RevisionStep]:
        return list(scripts._upgrade_revs(revision, cast(str, found)))

    with EnvironmentContext(config, scripts, fn=steps) as environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
