"""Where the database is: a file, or a PostgreSQL server."""

import os
import stat
from pathlib import Path
from typing import Final, NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from stratoscope.downtime.database.errors import StoreError

FILE: Final = "downtimes.db"
"""In the folder of the exporter's state."""

_PRIVATE: Final = 0o600
_GROUP_AND_OTHERS: Final = 0o077
_QUERY: Final = frozenset({"host", "port", "sslmode"})
_EXAMPLE: Final = "allowed: such as postgresql://user@host:5432/database"


class Address(NamedTuple):
    """A database.

    Attributes:
        url: As SQLAlchemy opens it.
        shown: For messages: without a password.
        file: Of SQLite; None for PostgreSQL.
    """

    url: URL
    shown: str
    file: Path | None


def sqlite(folder: Path) -> Address:
    """The file in this folder."""
    file = folder / FILE
    return Address(URL.create("sqlite", database=str(file)), str(file), file)


def postgresql(text: str, password: str | None = None) -> Address:
    """The database of a URL.

    Args:
        password: It must not stand in the URL, which messages cite.

    Raises:
        StoreError: It is no URL of PostgreSQL, or may hold a password; it does not cite that.
    """
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StoreError("url", f"is no URL; {_EXAMPLE}") from None
    if url.password is not None or text.count("@") > 1 or _holds_a_path(url):
        what = "a password, or a second @ or /, stands in it"
        raise StoreError("url", f"{what}; {_EXAMPLE}, and database_password_file")
    if not _QUERY.issuperset(url.query):
        raise StoreError("url", f"unknown parameter; allowed: {', '.join(sorted(_QUERY))}")
    shown = url.render_as_string(hide_password=True)
    if url.drivername != "postgresql" or not url.database:
        raise StoreError(shown, f"is no URL of a database in PostgreSQL; {_EXAMPLE}")
    query = {"ssl" if key == "sslmode" else key: value for key, value in url.query.items()}
    url = url.set(drivername="postgresql+asyncpg", query=query)
    return Address(url if password is None else url.set(password=password), shown, None)


def _holds_a_path(url: URL) -> bool:
    """Whether a `/` stands where none may be: what was before it may be a part of a password."""
    return any("/" in (part or "") for part in (url.username, url.host, url.database))


def make_private(file: Path) -> None:
    """Create the file, if there is none, readable for its owner alone; SQLite's own files follow it.

    Raises:
        StoreError: It cannot be written to.
    """
    try:
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE))
        except FileExistsError:
            _check(file)
    except OSError as error:
        raise StoreError(str(file), f"{error.strerror}; allowed: a file to write to") from error


def _check(file: Path) -> None:
    mode = file.lstat().st_mode
    if not stat.S_ISREG(mode):
        raise StoreError(str(file), "is no regular file; allowed: a file to write to")
    if os.statvfs(file).f_flag & os.ST_RDONLY:
        raise StoreError(str(file), "is on a read-only file system; allowed: a file to write to")
    if not os.access(file, os.R_OK | os.W_OK):
        raise StoreError(str(file), "is read-only; allowed: a file and a folder to write to")
    if mode & _GROUP_AND_OTHERS:
        file.chmod(_PRIVATE)
