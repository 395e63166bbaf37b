"""`stratoscope availability`: a month as JSON or CSV."""

import argparse
import csv
import json
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from http.client import HTTPException
from typing import Any, Final

from stratoscope.availability import COMMAND
from stratoscope.availability.asking import asked, bounds, days_of
from stratoscope.availability.downtimes import Planned, planned_outages
from stratoscope.availability.months import Bounds, Day, month
from stratoscope.availability.query import DAY_S, begin
from stratoscope.availability.subject import Subject
from stratoscope.core.client.flags import Parser, Url, path
from stratoscope.core.client.request import AskError, why
from stratoscope.core.errors import one_line

_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")
_FORMULA: Final = ("=", "+", "-", "@")
"""How a text begins that a spreadsheet computes."""
_COLUMNS: Final = (
    "cloud", "scope", "zone", "image_id", "days", "availability_percent", "reliability_percent",
    "unknown_percent", "is_within_ola",
)  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Write the month to stdout.

    Returns:
        The exit status: 0; 1 if a server does not say it, 2 for a wrong flag, each said in one line.
    """
    try:
        flags = _parsed(arguments)
    except SystemExit as over:
        return int(over.code or 0)
    days, server = days_of(flags.month, datetime.now(UTC).date()), flags.url
    if not days:
        return _failed(f"--month: no day of {flags.month:%Y-%m} is over; allowed: an earlier month")
    try:
        planned: Sequence[Planned] = ()
        if flags.downtimes_url is not None:
            server = flags.downtimes_url
            began = time.monotonic()
            planned = planned_outages(flags, begin(days[0]), begin(days[-1]) + DAY_S)
            flags.timeout -= time.monotonic() - began
        server = flags.url
        rows = list(_rows(flags, days, planned))
    except (OSError, HTTPException) as error:
        return _failed(f"{server}: {why(error)}")
    except AskError as error:
        return _failed(f"{server}: {error}")
    (_write_csv if flags.format == "csv" else _write_json)(rows)
    return 0


def _rows(
    flags: argparse.Namespace, days: Sequence[date], planned: Sequence[Planned]
) -> Iterator[Mapping[str, Any]]:
    found = asked(flags, days, planned)
    if not found:
        raise AskError("it has no record of this month; see docs/rules.md for the rules and the retention")
    agreed = bounds(flags)
    return (_row(subject, found[subject], agreed) for subject in sorted(found))


def _row(subject: Subject, days: Sequence[Day | None], agreed: Bounds) -> Mapping[str, Any]:
    whole = month(days)
    names = (one_line(one) for one in (subject.cloud, subject.scope, subject.zone, subject.image_id))
    values = (
        *names, len(days), whole.availability, whole.reliability, whole.unknown, whole.is_within(agreed)
    )  # fmt: skip
    return dict(zip(_COLUMNS, values, strict=True))


def _write_json(rows: Sequence[Mapping[str, Any]]) -> None:
    sys.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")


def _write_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: _cell(value) for column, value in row.items()} for row in rows)


def _cell(value: object) -> object:
    """A name that would be a formula is a text."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        asks="Prometheus", default_url="http://127.0.0.1:9090",
        prog="stratoscope availability", description=COMMAND.summary,
        epilog="Days are those of UTC, of the current month those that are over. -1: nothing is said, since"
        " nothing is known. The bounds of the OLA are those that the rules record; without them EGI's: 80 %"
        " availability, 85 % reliability, 10 % unknown at most. With --downtimes-url, days are counted anew"
        " with planned outages that were filed late.",
    )  # fmt: skip
    parser.add_argument("--month", type=_month, required=True, metavar="YYYY-MM", help="such as 2026-10")
    parser.add_argument(
        "--format", choices=("json", "csv"), default="json", help="of the output (default json)"
    )
    parser.add_argument(
        "--downtimes-url",
        type=Url,
        metavar="URL",
        help="address of the downtime exporter (default: not asked)",
    )
    parser.add_argument(
        "--downtimes-token-file", type=path, metavar="FILE", help="its first line is a bearer token for it"
    )
    flags = parser.parse_args(arguments)
    parser.check_log_in(flags)
    if flags.downtimes_token_file is not None and flags.downtimes_url is None:
        parser.error("--downtimes-token-file: allowed: together with --downtimes-url")
    return flags


def _month(text: str) -> date:
    """Its first day."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no month; allowed: such as 2026-10")
    return date(int(found[1]), int(found[2]), 1)


def _failed(message: str) -> int:
    sys.stderr.write(f"stratoscope availability: {one_line(message)}\n")
    return 1
