"""The tables as the newest schema has them. Moments are Unix seconds."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text, text

SCHEMA: Final = MetaData()

_ID: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up an INTEGER alone."""

REVISION: Final = Table(
    "revision",
    SCHEMA,
    Column("id", Integer, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
"""One row; its number grows with each transaction that changes downtimes or windows, whoever writes."""

DOWNTIMES: Final = Table(
    "downtimes",
    SCHEMA,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("planned", Boolean, nullable=False),
    Column("severity", Text, nullable=False),
    Column("start", BigInteger, nullable=False),
    Column("end", BigInteger, nullable=False),
    Column("until_further_notice", Boolean, nullable=False),
    Column("matcher_sets", Text, nullable=False),  # JSON: a list of lists of Matcher
    Column("silences", Boolean, nullable=False),
    Column("author", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("window_id", Text, nullable=False),
    Column("window_start", BigInteger),  # that of the occurrence, wherever the downtime was moved since
    Column("cancelled_at", BigInteger),
    Column("cancelled_by", Text),
    Column("revision", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Index("downtimes_by_start", "start", "id"),
    Index("downtimes_by_end", "end"),
    Index("downtimes_by_source", "source", "external_id"),
    Index(
        "downtimes_by_window", "window_id", "window_start", unique=True,
        sqlite_where=text("window_id <> ''"), postgresql_where=text("window_id <> ''"),
    ),
)  # fmt: skip

CHANGES: Final = Table(
    "changes",
    SCHEMA,
    Column("id", _ID, primary_key=True),
    Column("downtime_id", Text, ForeignKey("downtimes.id"), nullable=False, index=True),
    Column("revision", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("who", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("fields", Text, nullable=False),  # JSON: name -> [before, after]
)

WINDOWS: Final = Table(
    "windows",
    SCHEMA,
    Column("id", Text, primary_key=True),
    Column("rrule", Text, nullable=False),
    Column("zone", Text, nullable=False),
    Column("first", Text, nullable=False),  # local time, ISO 8601
    Column("duration_s", BigInteger, nullable=False),
    Column("template", Text, nullable=False),  # JSON
    Column("author", Text, nullable=False),
    Column("cancelled_at", BigInteger),
    Column("revision", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

SILENCE_RECORDS: Final = Table(
    "silence_records",
    SCHEMA,
    Column("alertmanager", Text, primary_key=True),
    Column("downtime_id", Text, primary_key=True),
    Column("set_hash", Text, primary_key=True),  # PostgreSQL indexes 2,704 bytes at most
    Column("matchers", Text, nullable=False),
    Column("silence_id", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("owner", Text, nullable=False, server_default=""),
)

IDEMPOTENCY: Final = Table(
    "idempotency",
    SCHEMA,
    Column("who", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request", Text, nullable=False),  # its hash
    Column("downtime_id", Text, ForeignKey("downtimes.id"), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
)

IMPORTS: Final = Table(
    "imports",
    SCHEMA,
    Column("source", Text, primary_key=True),
    Column("report", Text, nullable=False),  # JSON
)
