"""The flags of `check-vmprobe`. A wrong one is UNKNOWN: the usual status 2 would be CRITICAL."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

from stratoscope.vmprobe import COMMAND, PROGRAM
from stratoscope.vmprobe.check_result import UNKNOWN, Result

_URL: Final = f"http://127.0.0.1:{PROGRAM.port}"
_DURATION: Final = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|m|h|d|)")
_UNITS_S: Final = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST_S: Final = 365 * 86400


class _Parser(argparse.ArgumentParser):
    """Says a wrong flag in one line."""

    def error(self, message: str) -> NoReturn:
        sys.stdout.write(f"{Result(UNKNOWN, message.removeprefix('argument '), {}).line}\n")
        raise SystemExit(UNKNOWN)


class Url:
    """The address of the exporter; a path is the one below which a proxy shows it."""

    def __init__(self, text: str) -> None:
        try:
            parts = urlsplit(text)
            self.port = parts.port
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}; allowed: such as {_URL}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise argparse.ArgumentTypeError(f"no address of an exporter; allowed: such as {_URL}")
        if parts.username is not None:
            raise argparse.ArgumentTypeError("it has a user; allowed: --user and --password-file")
        self.is_tls, self.host, self.path = parts.scheme == "https", parts.hostname, parts.path.rstrip("/")
        self._text = text

    def __str__(self) -> str:
        return self._text


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """What the arguments say.

    Raises:
        SystemExit: With 0 after `--help`, with 3 for a wrong flag, said in one line.
    """
    parser = _parser()
    flags = parser.parse_args(arguments)
    if (flags.user is None) != (flags.password_file is None):
        parser.error("--user: allowed: together with --password-file")
    if flags.user is not None and flags.token_file is not None:
        parser.error("--token-file: allowed: instead of --user and --password-file")
    if flags.warning is not None and flags.critical is not None and flags.critical < flags.warning:
        parser.error("--critical: allowed: not below --warning")
    return flags


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="stratoscope check-vmprobe", description=COMMAND.summary, allow_abbrev=False,
        epilog="Exit status: 0 OK, also while the probe is paused; 1 WARNING: the last run failed, and the"
        " project is to blame; 2 CRITICAL: the cloud is to blame; both also for a slow success, if asked;"
        " 3 UNKNOWN: the probe is to blame, is stale, or cannot be asked.",
    )  # fmt: skip
    add = parser.add_argument
    add("--url", type=Url, default=Url(_URL), help=f"address of the exporter (default {_URL})")
    add("--name", required=True, type=_not_empty, help="name of the probe")
    add("--cloud", default="", help="its cloud, if several have a probe of that name")
    add("--timeout", type=_seconds, default=10.0, metavar="TIME", help="for the whole check (default 10s)")
    add(
        "--max-age", type=_seconds, metavar="TIME",
        help="since the end of the last run (default 2 x the probe's interval + its time-outs)",
    )  # fmt: skip
    add(
        "-w", "--warning", type=_seconds, metavar="TIME",
        help="a VM that runs later than this after it was accepted is a WARNING (default: never)",
    )  # fmt: skip
    add("-c", "--critical", type=_seconds, metavar="TIME", help="the same for CRITICAL (default: never)")
    add("--user", type=_not_empty, help="name for basic authentication; with --password-file")
    add("--password-file", type=_file, metavar="FILE", help="its first line is the password")
    add(
        "--token-file", type=_file, metavar="FILE", help="its first line is a bearer token; instead of --user"
    )
    add("--ca-file", type=_file, metavar="FILE", help="certificates (PEM) that the exporter's is signed by")
    return parser


def _not_empty(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("expected a value, got nothing")
    return text


def _file(text: str) -> Path:
    return Path(_not_empty(text))


def _seconds(text: str) -> float:
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _UNITS_S[found[2]] if found is not None else 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no time above zero; allowed: such as 10s, 5m, 2h")
    return seconds
