# What this project uses of asyncpg, which has no types of its own. It is used by SQLAlchemy.

class PostgresError(Exception):
    sqlstate: str | None

class InterfaceError(Exception): ...
class InternalClientError(Exception): ...
