"""The files that an entry names: the credential, and those for TLS."""

import hashlib
import os
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import asdict

from stratoscope.clouds.opennebula.config import Found, OpenNebulaCloud
from stratoscope.core.config import Secret
from stratoscope.core.errors import ConfigError
from stratoscope.core.files import read

_FORM: Final = "allowed: one line, `user:password`"
_LARGEST: Final = 16 << 20


def found(entries: Sequence[OpenNebulaCloud]) -> Sequence[Found]:
    """The entries with what their files hold.

    Raises:
        ConfigError: A file is missing, cannot be read, or does not hold what it should; none is cited.
    """
    return [
        Found(**asdict(entry), session=_session(entry), content=Secret(_digest(entry))) for entry in entries
    ]


def with_credential(entry: OpenNebulaCloud, file: str) -> Found:
    """An entry with the credential of another file. Raises as `found`."""
    own = {name: getattr(entry, name) for name in OpenNebulaCloud.__struct_fields__}
    return found([OpenNebulaCloud(**{**own, "credentials_file": file})])[0]


def by_environment() -> OpenNebulaCloud | None:
    """The zone of ONE_XMLRPC and ONE_AUTH, as OpenNebula's own tools read them; None without the first."""
    endpoint = os.environ.get("ONE_XMLRPC", "")
    if not endpoint:
        return None
    file = os.environ.get("ONE_AUTH") or "~/.one/one_auth"
    try:
        return OpenNebulaCloud("opennebula", endpoint=endpoint, credentials_file=file)
    except ValueError as error:
        raise ConfigError(f"ONE_XMLRPC: {str(error).partition(': ')[2]}") from error


def context(entry: OpenNebulaCloud) -> ssl.SSLContext:
    """The trusted authorities and the client's certificate. Raises ConfigError for an invalid file."""
    if entry.key_file and not entry.cert_file:
        raise ConfigError("cert_file: missing; the certificate of which key_file is the key")
    try:
        made = ssl.create_default_context(cafile=_path(entry.ca_file) or None)
        if entry.cert_file:
            # Without a password it would ask the terminal.
            made.load_cert_chain(_path(entry.cert_file), _path(entry.key_file) or None, password="")
    except OSError as error:  # ssl.SSLError is one
        files = {"ca_file": entry.ca_file, "cert_file": entry.cert_file, "key_file": entry.key_file}
        named = ", ".join(f"{key}: {path}" for key, path in files.items() if path)
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        why = "not in PEM" if reason in (None, "", "PEM lib") else reason
        raise ConfigError(f"{named}: {why}") from error
    return made


def _session(entry: OpenNebulaCloud) -> Secret:
    if not entry.credentials_file:
        raise ConfigError(f"credentials_file: missing; a file with the user's credential; {_FORM}")
    path = Path(_path(entry.credentials_file))
    where = f"credentials_file: {path}"
    try:
        text = read(path, "credentials_file").decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: no text in UTF-8; {_FORM}") from None
    user, colon, password = text.partition(":")
    if not user or not colon or not password or not text.isprintable():
        raise ConfigError(f"{where}: no credential in it; {_FORM}")
    return Secret(text)


def _digest(entry: OpenNebulaCloud) -> str:
    """Of the files for TLS, which are checked: they are read when they are first needed."""
    context(entry)
    whole = hashlib.sha256()
    for key in ("ca_file", "cert_file", "key_file"):
        if path := _path(getattr(entry, key)):
            whole.update(read(Path(path), key, largest=_LARGEST))
    return whole.hexdigest()


def _path(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises for an unknown user
