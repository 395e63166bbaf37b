"""A command from its arguments to its exit status: 0 done, 1 refused or no answer, 2 wrong arguments."""

import argparse
import datetime as dt
import http.client
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from stratoscope.core.client.flags import Parser
from stratoscope.core.client.request import AskError, Message, RefusedError, fetched, sent, why
from stratoscope.core.errors import one_line
from stratoscope.core.program import USAGE_STATUS
from stratoscope.downtime import PORT, times, zones
from stratoscope.downtime.draft import FieldError
from stratoscope.downtime.model import State

API: Final = "/api/v1"
DOWNTIMES: Final = "/downtimes"
WINDOWS: Final = "/windows"
_LARGEST: Final = 64 * 1024 * 1024
_FAILED: Final = 1
_UNKNOWN: Final = 404
_NO_SUCH_PATH: Final = (_UNKNOWN, 405, 410, 501)
"""What servers that are none of ours answer; Alertmanager says 410 for the version 1 of its API."""


def parser(name: str, summary: str) -> Parser:
    """The flags that every command has."""
    found = Parser(
        asks="the exporter", default_url=f"http://127.0.0.1:{PORT}",
        prog=f"stratoscope downtime {name}", description=summary,
    )  # fmt: skip
    found.add_argument("--json", action="store_true", help="print the answer of the API")
    found.add_argument(
        "--zone", type=_zone, default=zones.of_this_machine(), help="of times (default: this machine's)"
    )
    return found


def run(commands: Parser, arguments: Sequence[str], do: Callable[[argparse.Namespace], str]) -> int:
    """Do a command, and print what it says. Args: do: Returns lines of text."""
    try:
        _check_text(arguments)
        flags = commands.parse_args(arguments)  # its help may find that the reader has gone
        commands.check_log_in(flags)
    except SystemExit as over:
        return int(over.code or 0)
    except FieldError as error:
        return _wrong(commands, str(error), USAGE_STATUS)
    return _done(commands, flags, do)


def _done(commands: Parser, flags: argparse.Namespace, do: Callable[[argparse.Namespace], str]) -> int:
    try:
        said = do(flags)
    except FieldError as error:
        return _wrong(commands, str(error), USAGE_STATUS)
    except AskError as error:
        return _wrong(commands, str(error), _FAILED)
    except (OSError, http.client.HTTPException) as error:
        return _wrong(commands, f"{flags.url}: {why(error)}", _FAILED)
    except (ValueError, TypeError, KeyError):
        return _wrong(commands, _another(flags), _FAILED)
    sys.stdout.write(said)
    return 0


def ask(flags: argparse.Namespace, method: str, path: str, body: object = None, **headers: str) -> Any:
    """The answer to a request below API. Args: headers: Named with `_` for `-`.

    Raises:
        AskError: Something else than this exporter answers; or as `sent`.
    """
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return sent(flags, Message(method, f"{API}{path}", body, named), largest=_LARGEST)
    except RefusedError as error:
        if error.status in _NO_SUCH_PATH and not _is_ours(flags):
            raise AskError(_another(flags)) from error
        raise


def path_of(id_: str, verb: str = "", *, what: str = DOWNTIMES) -> str:
    """Of a downtime or a window, or of what is done to it."""
    return f"{what}/{quote(id_, safe='')}" + (f"/{verb}" if verb else "")


def host_path(flags: argparse.Namespace) -> str:
    """Of the host that the arguments `cloud` and `host` name."""
    return f"/hosts-off/{quote(flags.cloud, safe='')}/{quote(flags.host, safe='')}"


def each(flags: argparse.Namespace, do: Callable[[str], str]) -> str:
    """Do it for each of `flags.id`, and print what it says, also if another one is refused.

    Raises:
        AskError: Those that were refused, after all others were done; or as `do`.
    """
    refused: list[str] = []
    for id_ in flags.id:
        try:
            sys.stdout.write(do(id_))
        except RefusedError as error:
            refused.append(f"{id_}: {error}" if len(flags.id) > 1 else str(error))
    if refused:
        raise AskError("; ".join(refused))
    return ""


def or_window(
    flags: argparse.Namespace, id_: str, method: str, verb: str = "", window_body: object = None
) -> tuple[Any, bool]:
    """The answer of the downtime with this id, or, if there is none, of the window; whether it is a window.

    Raises as `sent`.
    """
    try:
        return ask(flags, method, path_of(id_, verb)), False
    except RefusedError as error:
        if error.status != _UNKNOWN:
            raise
        no_downtime = error
    try:
        return ask(flags, method, path_of(id_, verb, what=WINDOWS), window_body), True
    except RefusedError as error:
        raise (no_downtime if error.status == _UNKNOWN else error) from error


def end_of(text: str, lasting: str, now: float, zone: dt.tzinfo, *, start: float) -> int | None:
    """An end, as `times.end` has it. Args: lasting: How a duration is said, for the message."""
    try:
        return times.end(text, now, zone, start=start)
    except FieldError as error:
        raise FieldError(error.field, f"{error.what}, or {lasting}") from error


def as_answer(found: object) -> str:
    """The answer of the API, as `--json` prints it: nothing in it that a terminal would obey."""
    return f"{json.dumps(found, indent=2)}\n"


def printable(text: object) -> str:
    """A text of the answer, in one line that no terminal obeys."""
    line = one_line(str(text))
    encoding = sys.stdout.encoding or "ascii"
    return line.encode(encoding, "backslashreplace").decode(encoding)


def _check_text(arguments: Sequence[str]) -> None:
    """Raises FieldError: Bytes that are no text: lone surrogates in Python, which no server takes."""
    for text in arguments:
        if any("\ud800" <= one <= "\udfff" for one in text):
            raise FieldError(text, "has bytes that are no text; allowed: UTF-8")


def _is_ours(flags: argparse.Namespace) -> bool:
    """Whether a downtime exporter is there: it shows everybody its counts."""
    try:
        counts = fetched(flags, f"{API}/counts", largest=_LARGEST)
    except RefusedError as error:
        return error.status not in _NO_SUCH_PATH
    except ValueError:
        return False
    return isinstance(counts, dict) and {*State} == {*counts}


def _another(flags: argparse.Namespace) -> str:
    return f"{flags.url} is no stratoscope downtime; allowed: --url with the address of one"


def _zone(text: str) -> dt.tzinfo:
    try:
        return zones.zone(text)
    except FieldError as error:
        raise argparse.ArgumentTypeError(error.what) from error


def _wrong(commands: Parser, text: str, status: int) -> int:
    sys.stderr.write(f"{commands.prog}: {printable(text)}\n")
    return status
