"""The pages: `/` with all probes, and one for each probe with its last runs."""

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec
from aiohttp import web

from stratoscope.core.config import Duration
from stratoscope.core.errors import one_line
from stratoscope.core.web.routes import Request
from stratoscope.core.web.templates import duration
from stratoscope.vmprobe import asked, charts
from stratoscope.vmprobe.record import Outcome, Run
from stratoscope.vmprobe.verdict import Verdict, last_verdict, verdict
from stratoscope.vmprobe.view import ProbeView
from stratoscope.vmprobe.written import as_written

ON_A_PAGE: Final = 25
"""Probes on a page."""
MOST_RUNS: Final = 50
MOST_HOSTS: Final = 500
"""Rows of the tables of one probe."""
PAUSES: Final = ("1h", "4h", "1d", "7d")
_BACK: Final = re.compile(r"/(\?page=[0-9]{1,4})?")
_WORDS: Final[Mapping[Verdict, tuple[str, str]]] = {
    Verdict.FAILS: ("failed", "fails"),
    Verdict.WAITS: ("waiting", "no result"),
    Verdict.PAUSED: ("left_out", "paused"),
    Verdict.WORKS: ("ok", "works"),
}
"""The kind of its state, see core's parts.html, and the word."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A probe as a page shows it.

    Attributes:
        now: The moment, in Unix seconds.
    """

    view: ProbeView
    now: float

    @property
    def verdict(self) -> Verdict:
        return verdict(self.view)

    @property
    def kind(self) -> str:
        return _WORDS[self.verdict][0]

    @property
    def word(self) -> str:
        return _WORDS[self.verdict][1]

    @property
    def path(self) -> str:
        """Of its page."""
        return f"/probes/{quote(self.view.cloud, safe='')}/{quote(self.view.name, safe='')}"

    @property
    def last(self) -> Run | None:
        return last_verdict(self.view.runs)

    @property
    def strip(self) -> Mapping[str, str]:
        running = [] if self.view.running is None else [self.view.running]
        return charts.strip([*self.view.runs, *running])

    @property
    def summary(self) -> str:
        """The strip in words."""
        runs = self.view.runs[-charts.SLOTS :]
        count = Counter(run.outcome for run in runs)
        ended = count[Outcome.SUCCESS] + count[Outcome.FAILED]
        if not ended:
            return "No run has succeeded or failed yet"
        words = [f"{count[Outcome.SUCCESS]} of {ended} runs succeeded"]
        words += [f"{count[Outcome.INTERRUPTED]} interrupted"] if count[Outcome.INTERRUPTED] else []
        failed = next((run for run in reversed(runs) if run.failure is not None), None)
        if failed is not None and failed.failure is not None:
            age = duration(max(round(self.now - failed.ended), 1))
            words.append(f"last failure {age} ago in {failed.failure.phase}: {failed.failure.reason}")
        return "; ".join(words)

    @property
    def hosts(self) -> Sequence[tuple[str, Run]]:
        """Of a rotation: those where it failed first, the latest before."""
        return sorted(
            self.view.hosts.items(), key=lambda one: (one[1].outcome is not Outcome.FAILED, -one[1].ended)
        )

    @property
    def host_summary(self) -> str:
        """The hosts of a rotation in words; "" without one."""
        if not self.view.hosts:
            return ""
        works = sum(run.outcome is Outcome.SUCCESS for run in self.view.hosts.values())
        return f"{works} of {len(self.view.hosts)} tested hosts of the rotation work"

    @property
    def rotation_note(self) -> str:
        """That the last run of a rotation tested no host of its choice; "" if it did."""
        if not self.view.rotates or self.last is None or self.last.asked_host != "":
            return ""
        return (
            "The rotation tested no host: it knows none on which this credential may request VMs, so the"
            " scheduler chose"
        )


async def overview(request: Request) -> web.StreamResponse:
    """All probes, those that fail first, in pages."""
    now = time.time()
    shown = sorted((Shown(view, now) for view in asked.views(request.opened)), key=_order)
    pages = max(-(-len(shown) // ON_A_PAGE), 1)
    number = _page(request.http.query.get("page", "1"), pages)
    first = (number - 1) * ON_A_PAGE
    return request.page(
        "overview.html",
        probes=shown[first : first + ON_A_PAGE],
        first_failure=shown[0] if shown and shown[0].verdict is Verdict.FAILS else None,
        state=_WORDS[shown[0].verdict][0] if shown else "waiting",
        text=_summary(shown),
        number=number,
        pages=pages,
        back="/" if number == 1 else f"/?page={number}",
        **_common(request, now),
    )


async def one(request: Request) -> web.StreamResponse:
    """One probe with its last runs."""
    now = time.time()
    _, view = _found(request)
    shown = Shown(view, now)
    return request.page(
        "probe.html",
        probe=shown,
        vm={key: as_written(value) for key, value in _plain(view.vm).items() if value not in ("", None)},
        runs=view.runs[: -MOST_RUNS - 1 : -1],
        hosts=shown.hosts[:MOST_HOSTS],
        back="",
        **_common(request, now),
    )


async def pause(request: Request) -> web.StreamResponse:
    """The form that pauses a probe."""
    prober, view = _found(request)
    form = await request.form()
    chosen = form.get("for", "")
    if chosen and chosen not in PAUSES:
        raise web.HTTPBadRequest(text=f"for: expected one of {', '.join(PAUSES)}, or nothing\n")
    await asked.pause(prober, view.name, time.time() + Duration.parse(chosen) if chosen else None)
    raise web.HTTPSeeOther(_back(form.get("back", ""), view))


async def resume(request: Request) -> web.StreamResponse:
    """The form that resumes a probe."""
    prober, view = _found(request)
    form = await request.form()
    await asked.resume(prober, view.name)
    raise web.HTTPSeeOther(_back(form.get("back", ""), view))


async def run(request: Request) -> web.StreamResponse:
    """The form that runs a probe now."""
    prober, view = _found(request)
    form = await request.form()
    await asked.run(prober, view.name)
    raise web.HTTPSeeOther(_back(form.get("back", ""), view))


def _found(request: Request) -> tuple[asked.Prober, ProbeView]:
    parts = request.http.match_info
    return asked.find(request.opened, parts["name"], parts["cloud"])


def _common(request: Request, now: float) -> dict[str, Any]:
    """What both templates need."""
    return {
        "now": now,
        "is_operator": "operator" in request.asker.roles,
        "pauses": PAUSES,
        "bars": charts.bars,
        "line": one_line,
        "slots": charts.SLOTS,
        "pitch": charts.PITCH,
        "wide": charts.WIDE,
    }


def _plain(vm: Mapping[str, object]) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(vm, enc_hook=str)
    return plain


def _order(shown: Shown) -> tuple[int, str, str]:
    return list(Verdict).index(shown.verdict), shown.view.cloud, shown.view.name


def _summary(shown: Sequence[Shown]) -> str:
    if not shown:
        return "No probe is open"
    count = Counter(one.verdict for one in shown)
    words = [f"{count[Verdict.WORKS]} of {len(shown)} probes work"]
    words += [f"{count[Verdict.FAILS]} fail"] if count[Verdict.FAILS] else []
    words += [f"{count[Verdict.WAITS]} without a result"] if count[Verdict.WAITS] else []
    words += [f"{count[Verdict.PAUSED]} paused"] if count[Verdict.PAUSED] else []
    return ", ".join(words)


def _page(text: str, pages: int) -> int:
    """The number of the page that is asked for; the nearest one where there is none of that number."""
    number = int(text) if re.fullmatch("[0-9]{1,6}", text, re.ASCII) else 1
    return min(max(number, 1), pages)


def _back(text: str, view: ProbeView) -> str:
    """Where a form leads: to the page that it stands on."""
    return text if _BACK.fullmatch(text) else Shown(view, 0.0).path
