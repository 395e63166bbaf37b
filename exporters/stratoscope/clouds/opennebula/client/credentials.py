"""The files that an entry names: the credential, and those for TLS."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import asdict

from stratoscope.clouds.client.files import LARGEST, context, expanded, login
from stratoscope.clouds.opennebula.config import Found, OpenNebulaCloud
from stratoscope.core.config import Secret
from stratoscope.core.errors import ConfigError
from stratoscope.core.files import read


def found(entries: Sequence[OpenNebulaCloud]) -> Sequence[Found]:
    """The entries with what their files hold.

    Raises:
        ConfigError: A file is missing, cannot be read, or does not hold what it should; none is cited. It
            names the entry.
    """
    every = []
    for entry in entries:
        try:
            every.append(_found(entry))
        except ConfigError as error:
            raise ConfigError(f"clouds: {entry.name}/{entry.kind}: {error}") from error
    return every


def with_credential(entry: OpenNebulaCloud, file: str) -> Found:
    """An entry with the credential of another file. Raises ConfigError for that file."""
    own = {name: getattr(entry, name) for name in OpenNebulaCloud.__struct_fields__}
    return _found(OpenNebulaCloud(**{**own, "credentials_file": file}))


def by_environment() -> OpenNebulaCloud | None:
    """The zone of ONE_XMLRPC and ONE_AUTH, as OpenNebula's own tools read them; None without the first."""
    endpoint = os.environ.get("ONE_XMLRPC", "")
    if not endpoint:
        return None
    file = os.environ.get("ONE_AUTH") or "~/.one/one_auth"
    try:
        login(file)
    except ConfigError as error:
        what = str(error).partition(": ")[2]
        raise ConfigError(f"ONE_AUTH: {what}; without it the file is ~/.one/one_auth") from error
    try:
        return OpenNebulaCloud("opennebula", endpoint=endpoint, credentials_file=file)
    except ValueError as error:
        raise ConfigError(f"ONE_XMLRPC: {str(error).partition(': ')[2]}") from error


def _found(entry: OpenNebulaCloud) -> Found:
    session = Secret(login(entry.credentials_file))
    return Found(**asdict(entry), session=session, content=Secret(_digest(entry)))


def _digest(entry: OpenNebulaCloud) -> str:
    """Of the files for TLS, which are checked: they are read when they are first needed."""
    context(entry)
    whole = hashlib.sha256()
    for key in ("ca_file", "cert_file", "key_file"):
        if path := expanded(getattr(entry, key)):
            whole.update(read(Path(path), key, largest=LARGEST))
    return whole.hexdigest()
