"""Availability report: availability, reliability and unknown time of days, against the bounds of the OLA."""

from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, colours, words
from boards.panels import About, Column, Look, Panel, Query, cells, highest, lines, rows, timeline

_SCOPES: Final = 'scope=~"cloud|zone|image",cloud=~"$cloud"'
_OF_SCOPES: Final = "{{cloud}} {{scope}} {{zone}}{{image_name}}"
_UP: Final = f"scope:stratoscope_availability_up_seconds:{{}}{{{{{_SCOPES}}}}}"
_DOWN: Final = f"scope:stratoscope_availability_down_seconds:{{}}{{{{{_SCOPES}}}}}"
_UNKNOWN: Final = f"scope:stratoscope_availability_unknown_seconds:{{}}{{{{{_SCOPES}}}}}"
_TODAY_S: Final = "scalar(60 + 60 * floor(vector(time() % 86400 / 60)))"
"""As the records of today count."""
_YOUNG: Final = "Prometheus has watched for less than a day."
_NO_DAY: Final = (
    "no whole day of the time range is there yet, as on the first of a month. Last month is *Previous month*"
    " among the quick ranges, `now-1M/M` to `now-1M/M`."
)
_PLAIN: Final = Look(unit="percentunit", colours=colours.steps(below=colours.PLAIN))
_SHARE: Final = Look(unit="percentunit")
_DAY: Final = Look(
    words={
        "1": ("within the bounds", colours.GOOD),
        "0": ("a bound is broken", colours.BAD),
        "-1": ("nothing is known", colours.UNKNOWN),
    }
)
_STATES: Final = words.badness("ok", "warning", "missing", "downtime", "critical")


def made() -> Dashboard:
    """What is reported of a month, as far as it has gone."""
    answer = (
        "For reports: availability and reliability by EGI's formulae, of days of UTC. "
        "`stratoscope availability --month` gives the same of a month as a file."
    )
    made = board.board("availability", "Availability report", answer, board.clouds(), last="now/M")
    made = made.timezone("utc")
    rows_of_panels = {
        "The time range, by default the month so far": (_bounds(), _of_range(), _days()),
        "Yesterday and today": (_yesterday(), _today(), _states()),
        "Objectives of VM creation, over 30 days": (
            _objectives(),
            _budget(),
            _burnt(),
            _budget_over_time(),
        ),
    }
    return board.with_rows(made, rows_of_panels)


def _of_days(seconds: str) -> str:
    """Seconds of each day of the range. They are recorded all the next day, here from one o'clock on.

    The step of a day is its midnight (UTC). The last offset is for ranges that begin or end at midnight: it
    belongs to the range in one version of Prometheus and not in another.
    """
    return f"last_over_time({seconds.format('yesterday')}[22h] offset -47h)[$__range:1d] offset 6h"


def _bounds() -> Panel:
    good = "Met by each cloud. The bounds of EGI's OLA, as the thresholds of the rules have them."
    queries = [
        Query(f"max(global:ola_{name}_ratio:threshold)", words)
        for name, words in {
            "availability": "availability, at least",
            "reliability": "reliability, at least",
            "unknown": "unknown, at most",
        }.items()
    ]
    return cells(About("Bounds", good), _PLAIN, *queries).height(3)


def _of_range() -> Panel:
    good = (
        "Within the bounds. Of whole days in the time range. As a file, with downtimes that were filed late: "
        "`stratoscope availability --month=2026-10 --url=http://prometheus:9090 --format=csv`."
    )
    up, down, unknown = (f"sum_over_time({_of_days(one)})" for one in (_UP, _DOWN, _UNKNOWN))
    days = f"count_over_time({_of_days(_UP)})"
    availability = f"{up} / (86400 * {days} - {unknown} > 0)"
    reliability = f"{up} / (86400 * {days} - {unknown} - {down} > 0)"
    share = f"{unknown} / (86400 * {days})"
    within = (
        f"({availability} >= bool scalar(global:ola_availability_ratio:threshold))"
        f" * ({reliability} >= bool scalar(global:ola_reliability_ratio:threshold))"
        f" * ({share} <= bool scalar(global:ola_unknown_ratio:threshold))"
    )
    columns = [*_columns(), Column("Value #D", "Whole days", Look()), Column("Value #E", "OLA", _DAY)]
    queries = _of_images((availability, reliability, share, days, within))
    return rows(About("Availability", good, empty=_NO_DAY), columns, *queries)


def _yesterday() -> Panel:
    good = "Within the bounds, as if the day were a month."
    records = (
        "availability:ratio_yesterday",
        "reliability:ratio_yesterday",
        "availability_unknown:ratio_yesterday",
        "availability_within_ola:yesterday",
    )
    # Where nothing is known, the ratio is -1.
    queries = _of_images([_each(f"scope:stratoscope_{record}{{{_SCOPES}}} >= 0") for record in records])
    columns = [*_columns(), Column("Value #D", "OLA", _DAY)]
    return rows(About("Yesterday", good, empty=_YOUNG), columns, *queries).height(6)


def _today() -> Panel:
    good = "Within the bounds. Since midnight UTC; what Prometheus did not see is unknown."
    up, down, unknown = (_each(one.format("today")) for one in (_UP, _DOWN, _UNKNOWN))
    queries = (
        # The records of this minute may be still to come: a minute is not known yet.
        f"{up} / ({_TODAY_S} - {unknown} > 60)",
        f"{up} / ({_TODAY_S} - {unknown} - {down} > 60)",
        f"{unknown} / {_TODAY_S}",
    )
    return rows(About("Today so far", good), _columns(), *_of_images(queries)).height(7)


def _of_images(queries: Sequence[str]) -> list[Query]:
    """With a last one that finds the names of images. The third, of what is unknown, has all rows."""
    return [*map(Query, queries), Query(f"{_named()} and on (cloud, image_id) ({queries[2]})")]


def _named(moment: str = "") -> str:
    """The images with their names. Args: moment: Whose, such as `@ end()`; else of each step."""
    info = f'stratoscope_management_image_info{{cloud=~"$cloud"}} {moment}'.strip()
    return board.newest(info, "cloud, image_id", "image_name")


def _each(series: str) -> str:
    """Without its name, by which a table is not merged, and one row of a timeline would be two."""
    return f"max by (cloud, scope, zone, image_id) ({series})"


def _columns() -> list[Column]:
    return [
        Column("cloud", "Cloud"),
        Column("scope", "Of"),
        Column("zone", "Zone"),
        Column("image_name", "Image"),
        Column("image_id", "Image's id"),
        Column("Value #A", "Availability", _SHARE),
        Column("Value #B", "Reliability", _SHARE),
        Column("Value #C", "Unknown", _SHARE),
    ]


def _days() -> Panel:
    good = (
        "All days are within the bounds, each as if it were a month. Today is not there yet. Of more than 50"
        " rows, those with a broken day."
    )
    known, ratio = (
        _each(f"last_over_time(scope:stratoscope_{record}{{{_SCOPES}}}[10m] offset -1d)")
        for record in ("availability_within_ola:yesterday", "availability:ratio_yesterday")
    )
    day = f"({ratio} < 0) or {known}"
    shown = highest(50, day, by=f"({day}) == bool 0")
    named = f"({shown}) * on (cloud, image_id) group_left (image_name) ({_named('@ end()')})"
    # An image that is deleted has no name any more.
    without = f'label_replace({shown}, "image_name", "$1", "image_id", "(.*)")'
    query = Query(f"{named} or on (cloud, scope, zone, image_id) {without}", _OF_SCOPES)
    return timeline(About("Day by day", good, empty=_NO_DAY), _DAY, query).interval("1h")


def _states() -> Panel:
    good = "`ok` all day. Each minute has the worst state of what counts; a downtime is a planned outage."
    query = Query(
        'scope:stratoscope_availability:badness{scope=~"cloud|services",cloud=~"$cloud"}',
        "{{cloud}}, {{scope}}",
    )
    about = About("States of the clouds", good, empty="neither probes nor services of a cloud are, yet.")
    return timeline(about, _STATES, query).time_from("24h")


def _objectives() -> Panel:
    good = "As agreed with users: the share of VMs that are created, and of those that are created in time."
    about = About("Objectives", good, empty="no probe ran within 30 days.")
    return cells(
        about, _PLAIN, Query('slo:objective:ratio{cloud=~"$cloud"}', "{{cloud}}: {{sloth_slo}}")
    ).span(8)


def _budget() -> Panel:
    look = Look(unit="percentunit", colours=colours.high_is_good(0, 0.25))
    query = Query('slo:period_error_budget_remaining:ratio{cloud=~"$cloud"}', "{{cloud}}: {{sloth_slo}}")
    return cells(words.BUDGET_LEFT, look, query).span(8)


def _burnt() -> Panel:
    good = "Below 1 minus the objective: the share of runs that failed, or were late."
    query = Query('slo:sli_error:ratio_rate30d{cloud=~"$cloud"}', "{{cloud}}: {{sloth_slo}}")
    return cells(
        About("Runs that missed it", good, empty="no probe ran within 30 days."), _PLAIN, query
    ).span(8)


def _budget_over_time() -> Panel:
    good = (
        "Above 0, and flat or rising. Each point looks back 30 days: a line falls while more fails than"
        " 30 days before, and rises by itself 30 days after an outage."
    )
    query = Query('slo:period_error_budget_remaining:ratio{cloud=~"$cloud"}', "{{cloud}}: {{sloth_slo}}")
    about = About("Error budget over time", good, empty="no probe ran within 30 days.")
    return lines(about, "percentunit", query).axis_soft_max(1).span(24)
