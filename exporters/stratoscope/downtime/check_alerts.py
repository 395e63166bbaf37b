"""`stratoscope check-alerts`: a Nagios plug-in on what fires in Alertmanager. Source: GET /api/v2/alerts, and
GET /api/v2/silence/ID for the words why an alert is silenced."""

import argparse
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from stratoscope.core.client.flags import not_empty
from stratoscope.core.client.request import AskError, RefusedError, fetched, why
from stratoscope.core.nagios.answer import CRITICAL, OK, WARNING, Answer, answer
from stratoscope.core.nagios.flags import Parser
from stratoscope.core.nagios.plugin import Plugin
from stratoscope.downtime import COMMAND

SERVICE: Final = "ALERTS"
_LARGEST: Final = 64 * 1024 * 1024
_NOT_FOUND: Final = 404
_MOST_NAMED: Final = 5
"""Alerts, and silences."""
_FOR_ALL: Final = 0.9
"""This part of the time-out is for all answers; the rest is for judging what is there then."""
_NOT_TOLD: Final = "why is not told"
_LONGEST_NAME: Final = 60
_LONGEST_WORDS: Final = 100
_STATUS: Final = {"critical": CRITICAL, "warning": WARNING}
_WHERE: Final = ("host", "instance", "cloud")
"""Labels that say where an alert is; the first that it has is shown."""
_OURS: Final = "stratoscope-downtime"
"""Who creates the silences of downtimes."""
_KEY: Final = re.compile(rf"\[{_OURS} [^\]]{{0,200}}\]\Z")
"""At the end of their comments, for programs. Bounded: the time-out cannot end a search of hours."""


class Alert(NamedTuple):
    """An alert that fires.

    Attributes:
        severity: In small letters.
        silenced_by: The ids of its silences.
    """

    name: str
    severity: str
    silenced_by: Sequence[str]

    @property
    def status(self) -> int:
        return _STATUS.get(self.severity, OK)


def main(arguments: Sequence[str]) -> int:
    """Check what fires; the exit status is Nagios's, see `Plugin.run`."""
    return Plugin(SERVICE, "Alertmanager", _parsed, _asked).run(arguments)


def judged(alerts: Sequence[Alert], why: Sequence[str]) -> Answer:
    """What the alerts mean: the worst of those that are not silenced decides.

    Args:
        why: In words, why the others are silenced.
    """
    active = sorted((one for one in alerts if not one.silenced_by), key=lambda one: -one.status)
    silenced = len(alerts) - len(active)
    counts = {word: sum(one.severity == word for one in active) for word in _STATUS}
    others = len(active) - sum(counts.values())
    said = [f"{count} {word}" for word, count in [*counts.items(), ("of other severity", others)] if count]
    text = f"{', '.join(said)}: {_named(active)}" if said else "no alert"
    text += f"; {silenced} silenced" if silenced else ""
    text += f" ({'; '.join(why)})" if why else ""
    perfdata = [
        f"critical={counts['critical']};;0;0", f"warning={counts['warning']};0;;0",
        f"other={others};;;0", f"silenced={silenced};;;0",
    ]  # fmt: skip
    return answer(SERVICE, active[0].status if active else OK, text, perfdata)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(
        SERVICE, asks="Alertmanager", default_url="http://127.0.0.1:9093",
        prog="stratoscope check-alerts", description=COMMAND.summary,
        epilog="Exit status: 0 OK, also if all that fires is silenced, as in a downtime; 1 WARNING and"
        " 2 CRITICAL: an alert fires whose label `severity` says so, any other is OK; 3 UNKNOWN: Alertmanager"
        " cannot be asked.",
    )  # fmt: skip
    parser.add_argument(
        "--filter", action="append", default=[], type=not_empty, metavar="MATCHER",
        help="only alerts that match, such as 'host=\"n1\"'; may be repeated, then all must match",
    )  # fmt: skip
    flags = parser.parse_args(arguments)
    parser.check_log_in(flags)
    return flags


def _asked(flags: argparse.Namespace) -> Answer:
    began = time.monotonic()
    shown = [("active", "true"), ("silenced", "true"), ("inhibited", "false")]
    query = urlencode([*shown, *(("filter", one) for one in flags.filter)])
    try:
        found = fetched(flags, f"/api/v2/alerts?{query}", largest=_LARGEST)
    except RefusedError as error:
        is_other = error.status == _NOT_FOUND
        what = " is no Alertmanager; allowed: --url with the address of one" if is_other else f": {error}"
        raise AskError(f"{flags.url}{what}") from error
    if not isinstance(found, list):
        raise TypeError("no list")
    alerts = [_alert(one) for one in found]
    ids = dict.fromkeys(silence for one in alerts for silence in one.silenced_by)
    until = began + flags.timeout * _FOR_ALL
    return judged(alerts, [*dict.fromkeys(_told(flags, list(ids), until))])


def _alert(found: Mapping[str, Any]) -> Alert:
    labels, silenced_by = found["labels"], found["status"]["silencedBy"]
    where = next((labels[label] for label in _WHERE if label in labels), "")
    name = f"{labels.get('alertname', '?')} {where}".rstrip()
    return Alert(_cut(name, _LONGEST_NAME), labels.get("severity", "").lower(), silenced_by)


def _told(flags: argparse.Namespace, ids: Sequence[str], until: float) -> Sequence[str]:
    """What the silences say until a moment: what fires is known without, and decides.

    The work is a thread's, as in `Plugin`: nothing else ends an answer that comes byte by byte.
    """
    told: list[str] = []

    def ask() -> None:
        for words in _words(flags, ids):
            told.append(words)  # noqa: PERF402 - what is told is read meanwhile

    worker = threading.Thread(target=ask, daemon=True)
    worker.start()
    worker.join(max(0.0, until - time.monotonic()))
    return [*told, *([f"{_NOT_TOLD}: no answer in time"] if worker.is_alive() else [])]


def _words(flags: argparse.Namespace, ids: Sequence[str]) -> Iterator[str]:
    """What the first silences say."""
    for one in ids[:_MOST_NAMED]:
        try:
            silence = fetched(flags, f"/api/v2/silence/{quote(one, safe='')}", largest=_LARGEST)
            words = _words_of(silence["createdBy"], silence["comment"])
        except (AskError, OSError, HTTPException, ValueError, TypeError, KeyError, AttributeError) as error:
            if isinstance(error, RefusedError) and error.status == _NOT_FOUND:
                continue  # it expired meanwhile, and has no words any more
            yield f"{_NOT_TOLD}: {_why(error)}"
            return
        yield words
    if len(ids) > _MOST_NAMED:
        yield f"and {len(ids) - _MOST_NAMED} more"


def _why(error: Exception) -> str:
    if isinstance(error, AskError):
        return str(error)
    if isinstance(error, OSError | HTTPException):
        return why(error)
    return f"not an answer of Alertmanager: {type(error).__name__}: {error}"


def _words_of(created_by: str, comment: str) -> str:
    words = comment.rstrip()
    if created_by == _OURS and _KEY.search(words):
        return f"downtime: {_cut(_KEY.sub('', words).rstrip(), _LONGEST_WORDS)}"
    who = "by hand" if created_by == _OURS else created_by  # without its key a person took it over
    return f"{_cut(who, _LONGEST_NAME)}: {_cut(comment, _LONGEST_WORDS)}"


def _named(alerts: Sequence[Alert]) -> str:
    more = len(alerts) - _MOST_NAMED
    names = [one.name for one in alerts[:_MOST_NAMED]]
    return ", ".join([*names, f"and {more} more"] if more > 0 else names)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
