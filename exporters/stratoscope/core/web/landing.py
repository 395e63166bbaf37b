"""The landing page: what runs, how every collector fares, where the rest is."""

import time
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from stratoscope.core.collector import Absent, Every, OnScrape
from stratoscope.core.runner import Runner, Status
from stratoscope.core.web.service import Service

LINKS: Final = ("/metrics", "/config", "/-/healthy", "/-/ready")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
_STYLE: Final = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1c2530;--dim:#5b6775;--line:#dfe4ea;
--ok:#1a7f4b;--bad:#c0322b;--wait:#8a6100;--warn:#fff4d6;--warnink:#5c4300;--link:#1557b0}
@media(prefers-color-scheme:dark){:root{--bg:#12171d;--card:#1a2129;--ink:#e4e9ef;--dim:#98a5b3;--line:#2c3641;
--ok:#4cc38a;--bad:#ff7b72;--wait:#e0b04a;--warn:#3a2f10;--warnink:#f6dc9b;--link:#7db4ff}}
body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:72rem;margin:0 auto;padding:2rem 1rem}
h1{margin:0;font-size:1.6rem}h1 small{font-size:.9rem;font-weight:400;color:var(--dim)}
h2{margin:2rem 0 .5rem;font-size:1.1rem}p{margin:.3rem 0 1rem;color:var(--dim)}
a{color:var(--link)}nav a{display:inline-block;margin:0 1.2rem .3rem 0}
.warning{background:var(--warn);color:var(--warnink);
border-left:4px solid var(--wait);padding:.6rem .9rem;margin:.6rem 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;overflow-x:auto}
table{border-collapse:collapse;width:100%}th,td{padding:.5rem .8rem;text-align:left;vertical-align:top}
th{color:var(--dim);font-weight:600;font-size:.85rem;white-space:nowrap}
tr+tr td,thead+tbody td{border-top:1px solid var(--line)}
td.s{white-space:nowrap}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.ok,.failed,.waiting{font-weight:600;white-space:nowrap}
.ok{color:var(--ok)}.failed{color:var(--bad)}.waiting{color:var(--wait)}
.why{color:var(--dim);overflow-wrap:anywhere}
"""


def landing_page(service: Service, warnings: Sequence[str]) -> str:
    """The page as HTML; nothing on it comes from elsewhere, all that is shown is escaped."""
    name = escape(service.name)
    links = "".join(f'<a href="{link}">{link}</a>' for link in LINKS)
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>stratoscope {name}</title>'
        f"<style>{_STYLE}</style></head><body><main>"
        f"<h1>stratoscope {name} <small>{escape(service.version)}</small></h1>"
        f"<p>{escape(service.summary)}</p>"
        f"<nav>{links}</nav>{''.join(_warning(text) for text in warnings)}"
        f"{_running(service.runners)}{_left_out(service.left_out)}</main></body></html>\n"
    )


def _warning(text: str) -> str:
    return f'<div class="warning" role="alert">{escape(text)}</div>'


def _running(runners: Sequence[Runner]) -> str:
    if not runners:
        return "<h2>Collectors</h2><p>None runs yet.</p>"
    head = (
        "<th>Cloud<th>Collector<th>Schedule<th>State<th class=n>Last success<th class=n>Took"
        "<th class=n>Samples<th>Why"
    )
    return _table("Collectors", head, (_row(runner, runner.shown()) for runner in runners))


def _row(runner: Runner, status: Status) -> str:
    collector, schedule = runner.collector, _schedule(runner.collection.schedule)
    success = status.last_success
    age = "never" if success is None else f"{_duration(max(1.0, round(time.time() - success)))} ago"
    took = "" if status.success is None else _duration(status.duration_s)
    reason = status.reason or status.left_out
    why = f"{reason}: {status.message}" if reason else ""
    return (
        f"<td>{escape(collector.cloud)}<td>{escape(collector.name)}<td class=s>{schedule}<td>{_state(status)}"
        f"<td class=n>{age}<td class=n>{took}<td class=n>{status.samples}<td class=why>{escape(why)}"
    )


def _schedule(schedule: OnScrape | Every) -> str:
    if isinstance(schedule, Every):
        return f"every {_duration(schedule.interval_s)}, kept for {_duration(schedule.max_age_s)}"
    return "when scraped"


def _state(status: Status) -> str:
    if status.left_out:
        return '<span class="waiting">left out</span>'
    if status.success is None:
        return '<span class="waiting">not run yet</span>'
    return '<span class="ok">✓ ok</span>' if status.success else '<span class="failed">✗ failed</span>'


def _left_out(absent: Sequence[Absent]) -> str:
    if not absent:
        return ""
    rows = (f"<td>{escape(one.cloud)}<td>{escape(one.collector)}<td>{escape(one.reason)}" for one in absent)
    return _table("Left out", "<th>Cloud<th>Collector<th>Why", rows)


def _table(title: str, head: str, rows: Iterable[str]) -> str:
    body = "".join(f"<tr>{row}" for row in rows)
    table = f"<table><thead><tr>{head}</thead><tbody>{body}</tbody></table>"
    return f'<h2>{title}</h2><div class="card">{table}</div>'


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.3g} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.0f} h" if seconds < 2 * _DAY_S else f"{seconds / _DAY_S:.0f} d"
