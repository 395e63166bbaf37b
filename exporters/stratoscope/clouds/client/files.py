"""The files of an entry of `clouds:`: a log-in, and those for TLS."""

import os
import ssl
from pathlib import Path
from typing import Final, Protocol

from stratoscope.core.errors import ConfigError
from stratoscope.core.secret_files import read_secret, warn_if_shared

LARGEST: Final = 16 << 20
_LINE: Final = "one line, `user:password`"
_FORM: Final = f"allowed: {_LINE}"
_PEM: Final = "allowed: text that begins with -----BEGIN"
_NO_PEM: Final = (None, "", "PEM lib", "NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE")
"""OpenSSL's words, which differ by release and by key."""


class TLSFiles(Protocol):
    """Attributes: ca_file: Of authorities; "" for those of the system. cert_file, key_file: The client's."""

    @property
    def ca_file(self) -> str: ...
    @property
    def cert_file(self) -> str: ...
    @property
    def key_file(self) -> str: ...


def login(file: str) -> str:
    """The line `user:password` of a `credentials_file`. Raises ConfigError, which does not cite it, nor a
    credential that stands where the file should be named.
    """
    if not file:
        raise ConfigError(f"credentials_file: missing; a file with the user's credential; {_FORM}")
    path = Path(expanded(file))
    if ":" in file and "/" not in file and not path.exists():
        raise ConfigError(f"credentials_file: looks like the credential itself; allowed: a file, {_LINE}")
    where = f"credentials_file: {path}"
    try:
        content = read_secret(path, "credentials_file")
        text = content.decode("utf-8-sig").strip()  # editors of Windows write a mark
    except UnicodeDecodeError:
        raise ConfigError(f"{where}: no text in UTF-8; {_FORM}") from None
    user, colon, password = text.partition(":")
    if not user or not colon or not password or not text.isprintable():
        raise ConfigError(f"{where}: no credential in it; {_FORM}")
    return text


def unused(files: TLSFiles) -> str:
    """The first key that names a file for TLS; "" for none. Where no TLS is spoken it would do nothing."""
    return next((key for key in ("ca_file", "cert_file", "key_file") if getattr(files, key)), "")


def context(files: TLSFiles) -> ssl.SSLContext:
    """The trusted authorities and the client's certificate. Raises ConfigError for an invalid file."""
    if files.key_file and not files.cert_file:
        raise ConfigError("cert_file: missing; the certificate of which key_file is the key")
    if files.key_file:
        warn_if_shared(Path(expanded(files.key_file)), "key_file")
    try:
        made = ssl.create_default_context(cafile=expanded(files.ca_file) or None)
        if files.cert_file:
            # Without a password it would ask the terminal.
            made.load_cert_chain(expanded(files.cert_file), expanded(files.key_file) or None, password="")
    except OSError as error:  # ssl.SSLError is one
        paths = {"ca_file": files.ca_file, "cert_file": files.cert_file, "key_file": files.key_file}
        named = ", ".join(f"{key}: {path}" for key, path in paths.items() if path)
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        why = f"not in PEM; {_PEM}" if reason in _NO_PEM else reason
        raise ConfigError(f"{named}: {why}") from error
    return made


def expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - pathlib's raises for an unknown user
