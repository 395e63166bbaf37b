"""`stratoscope check-vmprobe`: a Nagios plug-in on the last run of a probe. Source: the exporter's API.

It is started each minute for each probe, so it imports nothing but the standard library and light modules.
"""

import argparse
import base64
import http.client
import json
import ssl
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from stratoscope.vmprobe.check_flags import parsed
from stratoscope.vmprobe.check_result import UNKNOWN, Result, Slow, judged

_LARGEST: Final = 4 * 1024 * 1024
_LARGEST_SECRET: Final = 4096
_RUNS: Final = 20
"""The last runs that are asked for: those that were interrupted say nothing."""
_HTTP_OK: Final = 200
_REDIRECTS: Final = range(300, 400)


class CheckError(Exception):
    """The check cannot tell; `str()` of it says why."""


def main(arguments: Sequence[str]) -> int:
    """Check one probe.

    Args:
        arguments: The command line after the command's name.

    Returns:
        The exit status: 0 to 3, as Nagios has it; 3 also for a wrong flag.
    """
    try:
        result = _result(parsed(arguments))
    except CheckError as error:
        result = Result(UNKNOWN, str(error), {})
    except SystemExit as over:
        return int(over.code or 0)
    encoding = sys.stdout.encoding or "ascii"
    sys.stdout.write(f"{result.line.encode(encoding, 'backslashreplace').decode(encoding)}\n")
    return result.status


def _result(flags: argparse.Namespace) -> Result:
    """What the probe's last run says, within the time-out.

    The work is a thread's: nothing else ends a look-up of a name, or an answer that comes byte by byte.
    """
    done: list[Result] = []
    worker = threading.Thread(target=lambda: done.append(_asked(flags)), daemon=True)
    worker.start()
    worker.join(flags.timeout)
    if not done:
        raise CheckError(f"{flags.url}: no answer within {flags.timeout:g} s")
    return done[0]


def _asked(flags: argparse.Namespace) -> Result:
    try:
        slow = Slow(flags.warning, flags.critical)
        return judged(_fetched(flags), flags.max_age, slow)
    except CheckError as error:
        return Result(UNKNOWN, str(error), {})
    except (OSError, http.client.HTTPException) as error:
        return Result(UNKNOWN, f"{flags.url}: {error}", {})
    except Exception as error:  # noqa: BLE001 - Python's own exit status for a bug, 1, would be a warning
        return Result(UNKNOWN, f"{flags.url}: not an answer of vmprobe: {type(error).__name__}: {error}", {})


def _fetched(flags: argparse.Namespace) -> Mapping[str, Any]:
    """The probe as the API shows it. Redirects are not followed: they would take the password along."""
    connection, path = _connection(flags)
    try:
        connection.request("GET", path, headers=_headers(flags))
        answer = connection.getresponse()
        body = answer.read(_LARGEST + 1)
    finally:
        connection.close()
    if answer.status != _HTTP_OK:
        raise CheckError(_refusal(answer, body))
    if len(body) > _LARGEST:
        raise CheckError(f"the answer has more than {_LARGEST} bytes")
    found = json.loads(body)
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found


def _connection(flags: argparse.Namespace) -> tuple[http.client.HTTPConnection, str]:
    """A connection to the exporter, and the path of the probe there."""
    url = flags.url
    if url.is_tls:
        context = _context(flags.ca_file)
        made: http.client.HTTPConnection = http.client.HTTPSConnection(
            url.host, url.port, timeout=flags.timeout, context=context
        )
    else:
        made = http.client.HTTPConnection(url.host, url.port, timeout=flags.timeout)
    cloud = f"&cloud={quote(flags.cloud, safe='')}" if flags.cloud else ""
    return made, f"{url.path}/api/v1/probes/{quote(flags.name, safe='')}?runs={_RUNS}{cloud}"


def _headers(flags: argparse.Namespace) -> Mapping[str, str]:
    if flags.token_file is not None:
        token = _secret("--token-file", flags.token_file)
        if not token.isascii():
            raise CheckError(f"--token-file: {flags.token_file}: a token has letters of ASCII alone")
        return {"Authorization": f"Bearer {token}"}
    if flags.user is None:
        return {}
    password = _secret("--password-file", flags.password_file)
    pair = f"{flags.user}:{password}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # it names no file, and a file without certificates is an SSLError
        what = "no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise CheckError(f"--ca-file: {ca_file}: {what}") from error


def _secret(flag: str, file: Path) -> str:
    """The first line of a file."""
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.readline(_LARGEST_SECRET).rstrip("\r\n")
    except OSError as error:
        raise CheckError(f"{flag}: {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CheckError(f"{flag}: {file}: no text in UTF-8") from error
    if not text:
        raise CheckError(f"{flag}: {file}: its first line is empty")
    return text


def _refusal(answer: http.client.HTTPResponse, body: bytes) -> str:
    """What the exporter says of a request that it refuses; a page of another server is not shown."""
    text = body.decode(errors="replace").strip() if answer.headers.get_content_type() == "text/plain" else ""
    if answer.status in _REDIRECTS:
        text = "a redirect, which is not followed; --url takes the address that it leads to"
    return f"HTTP {answer.status}" + (f": {text}" if text else "")
