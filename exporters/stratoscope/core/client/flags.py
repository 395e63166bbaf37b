"""The flags of a command that asks a server over HTTP."""

import argparse
import re
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from stratoscope.core import durations
from stratoscope.core.errors import one_line
from stratoscope.core.program import USAGE_STATUS

_WITHOUT_UNIT: Final = re.compile(r"[0-9.]+")
_LONGEST_S: Final = 365 * 86400
_REQUIRED: Final = "the following arguments are required"


class Parser(argparse.ArgumentParser):
    """Says a wrong flag in one line, and has the flags for the request."""

    def __init__(self, *, asks: str, default_url: str, **more: str) -> None:
        """Args: asks: What is asked, such as `the exporter`."""
        self._unknown: list[str] = []
        super().__init__(allow_abbrev=False, **more)  # type: ignore[arg-type]  # prog, description, epilog
        add = self.add_argument
        add("--url", type=Url, default=Url(default_url), help=f"address of {asks} (default {default_url})")
        add(
            "--timeout",
            type=seconds,
            default=10.0,
            metavar="TIME",
            help="for the whole command (default 10s)",
        )
        add("--user", type=not_empty, help="name for basic authentication; with --password-file")
        add("--password-file", type=path, metavar="FILE", help="its first line is the password")
        add(
            "--token-file", type=path, metavar="FILE",
            help="its first line is a bearer token; instead of --user",
        )  # fmt: skip
        add("--ca-file", type=path, metavar="FILE", help=f"certificates (PEM) that sign that of {asks}")

    def check_log_in(self, flags: argparse.Namespace) -> None:
        """Raises SystemExit: The flags for logging in do not fit together."""
        if (flags.user is None) != (flags.password_file is None):
            self.error("--user: allowed: together with --password-file")
        if flags.user is not None and flags.token_file is not None:
            self.error("--token-file: allowed: instead of --user and --password-file")
        is_tls = any(one.is_tls for one in vars(flags).values() if isinstance(one, Url))
        if flags.ca_file is not None and not is_tls:
            self.error("--ca-file: does nothing with http; allowed: with a URL that begins with https")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; it keeps the unknown flags, since argparse first says which required ones lack."""
        given = takewhile(lambda one: one != "--", args or ())
        flags = (one.partition("=")[0] for one in given if one.startswith("--"))
        self._unknown = [one for one in flags if one not in self._option_string_actions]
        return super().parse_known_args(args, namespace)

    def words(self, message: str) -> str:
        """What argparse finds wrong, and for an unknown flag those that there are."""
        if message.startswith(_REQUIRED) and self._unknown:
            message = f"unrecognized arguments: {' '.join(self._unknown)}; {message}"
        if not message.startswith("unrecognized"):
            return message.removeprefix("argument ")
        allowed = sorted(flag for flag in self._option_string_actions if flag.startswith("--"))
        return f"{message}; allowed: {', '.join(allowed)}"

    def error(self, message: str) -> NoReturn:
        sys.stderr.write(f"{self.prog}: {one_line(self.words(message))}\n")
        raise SystemExit(USAGE_STATUS)


class Url:
    """The address of what is asked; a path is the one below which a proxy shows it."""

    def __init__(self, text: str) -> None:
        example = "such as http://127.0.0.1:8080"
        try:
            parts = urlsplit(text)
            self.port = parts.port
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{error}; allowed: {example}") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise argparse.ArgumentTypeError(f"no address of a server; allowed: {example}")
        if parts.username is not None:
            raise argparse.ArgumentTypeError("it has a user; allowed: --user and --password-file")
        self.is_tls, self.host, self.path = parts.scheme == "https", parts.hostname, parts.path.rstrip("/")
        self._text = text

    def __str__(self) -> str:
        return self._text


def not_empty(text: str) -> str:
    """A value that is not empty: an empty one is a variable that was not set."""
    if not text:
        raise argparse.ArgumentTypeError("expected a value, got nothing")
    return text


def seconds(text: str) -> float:
    """The type of a flag that is a time above zero; without a unit it is in seconds."""
    try:
        value = durations.seconds(f"{text}s" if _WITHOUT_UNIT.fullmatch(text) else text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no time above zero; allowed: such as 10s, 5m, 2h")
    return value


def path(text: str) -> Path:
    """The type of a flag that names a file or a folder."""
    return Path(not_empty(text))
