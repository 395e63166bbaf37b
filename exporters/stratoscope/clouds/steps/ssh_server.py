"""The host key of an SSH server, without a log-in.

Source: a key exchange of SSH, in which the server signs with that key. The connection ends before the client
says who it is.
"""

import logging
import socket
from collections.abc import Sequence
from typing import Final

import asyncssh

from stratoscope.clouds.lifecycle import RunReason, StepError
from stratoscope.clouds.steps.host_keys import NoHostKeyError

_KEY_EXCHANGES: Final = (
    *("curve25519-sha256", "curve25519-sha256@libssh.org"),
    *("ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521"),
)
"""Each takes some ms, and every OpenSSH since 5.7 and dropbear since 2013 has one of them."""
_MALFORMED: Final = (asyncssh.Error, ValueError, LookupError, TypeError, ArithmeticError)
"""What asyncssh raises for malformed messages."""
_MOST_AT_ONCE: Final = 1 << 13
_MOST: Final = 1 << 16
"""Bytes of a server's part of a key exchange; real ones are below 8 KiB."""


class _Bounded(socket.socket):
    """A socket that ends after so many bytes."""

    _left = _MOST

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        part = super().recv(min(size, _MOST_AT_ONCE, self._left), flags)
        self._left -= len(part)
        return part


async def fingerprint(connected: socket.socket, algorithms: Sequence[str]) -> str:
    """The fingerprint, SHA256:..., of the host key that the server shows by one of these algorithms.

    Its signature is checked: it has the private key. The socket is used up.

    Raises:
        NoHostKeyError: It does not speak SSH, has no such key, or ends the connection.
        StepError: This machine cannot ask.
    """
    options = _without_files()
    asyncssh.set_log_level(logging.ERROR)  # it tells of each connection
    sock = _Bounded(connected.family, connected.type, connected.proto, connected.detach())
    try:
        key = await asyncssh.get_server_host_key(
            sock=sock,
            options=options,
            config=None,
            kex_algs=_KEY_EXCHANGES,
            server_host_key_algs=algorithms,
        )
    except _MALFORMED as error:
        raise NoHostKeyError(str(error) or type(error).__name__) from error
    finally:
        sock.close()
    if key is None:
        raise NoHostKeyError("it shows none")
    return key.get_fingerprint()


def _without_files() -> asyncssh.SSHClientConnectionOptions:
    """Options by which nothing of the exporter's own user is read: neither keys nor configuration."""
    try:
        return asyncssh.SSHClientConnectionOptions(
            config=None,
            client_keys=None,
            agent_path=None,
            x509_trusted_certs=None,
            x509_trusted_cert_paths=None,
        )
    except (ValueError, OSError) as error:  # it wants to know the user's name, which is never sent
        what = f"reachable: ssh: the user of the probe has no name, set LOGNAME: {error}"
        raise StepError(RunReason.PROBE_MISCONFIGURED, what) from error
