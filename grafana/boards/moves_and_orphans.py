"""Panels of the dashboard on the management layer: migrations, and orphans by name."""

from typing import Final

from boards import board, colours
from boards.capacity_projects import PROJECT_NAMES
from boards.panels import (
    ABSENT,
    NOT_MEASURED,
    About,
    Column,
    Look,
    Panel,
    Query,
    highest,
    lines,
    rows,
    stacked,
)

_IN: Final = board.IN
_PREFIX: Final = "stratoscope_management_migration"
_ASKED: Final = f"{_PREFIX}s_beyond_bound{{{_IN}}}"
"""Who asks for migrations says how many it does not show."""
_ONE: Final = "cloud, migration_id"
_FACTS: Final = "vm_id, kind, state, source_host, target_host"
_INFOS: Final = board.newest(f"{_PREFIX}_info{{{_IN}}}", _ONE, _FACTS)
"""Of two exporters one may show the state of before."""
_PAIR: Final = "cloud, source_host, target_host"
_OBJECT: Final = "cloud, sort, object_id"
_NAMES: Final = "object_name, project_id, reason, state"
_ORPHAN: Final = "stratoscope_management_orphan"
_WITH_PROJECT: Final = f"* on (cloud, project_id) group_left (project_name) {PROJECT_NAMES}"


def under_way() -> Panel:
    """Each, the oldest of too many."""
    good = "None for hours. What is left to copy falls; it is known of live ones alone, of the 20 oldest."
    about = About("Migrations under way", good, empty="no VM is moved.", seen=_ASKED)
    facts = f"* on ({_ONE}) group_left ({_FACTS}) {_INFOS}"
    began = f"min by ({_ONE}) ({_PREFIX}_start_timestamp_seconds{{{_IN}}})"
    shown = f"topk(50, clamp_min(time() - {began}, 0))"
    copied = (
        f"max by ({_ONE}) ({_PREFIX}_memory_remaining_bytes{{{_IN}}})"
        f" / (max by ({_ONE}) ({_PREFIX}_memory_bytes{{{_IN}}}) > 0)"
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("kind", "Kind"),
        Column("state", "State", missing=NOT_MEASURED),
        Column("source_host", "From"),
        Column("target_host", "To"),
        Column("Value #A", "Since", Look(unit="s")),
        Column("Value #B", "Memory left to copy", Look(unit="percentunit"), missing=ABSENT),
        Column("vm_id", "VM"),
    ]
    left = f"({copied} and on ({_ONE}) {shown}) {facts}"
    return rows(about, columns, Query(f"{shown} {facts}"), Query(left))


def outcomes() -> Panel:
    """How many ended how."""
    good = "None fails. Those of an hour by kind and outcome, each counted once."
    about = About("Migrations that ended", good, empty="none ended within the hour.", seen=_ASKED)
    ended = f"max by (cloud, kind, outcome) (increase({_PREFIX}s_ended_total{{{_IN}}}[1h]))"
    query = Query(highest(15, f"{ended} > 0"), "{{cloud}}: {{kind}}, {{outcome}}")
    return stacked(lines(about, "short", query)).span(24)


def pairs() -> Panel:
    """Where they fail, and where they are slow."""
    good = (
        "No failure; as quick as elsewhere. Of the last 24 hours, most failures first, then the longest."
        " `other` stands for the pairs of hosts that the exporter does not show."
    )
    about = About("Migrations that fail or are slow", good, empty="no VM was moved.", seen=_ASKED)
    failed = f"max by ({_PAIR}) ({_PREFIX}_pair_failed{{{_IN}}})"
    longest = f"max by ({_PAIR}) ({_PREFIX}_pair_longest_seconds{{{_IN}}})"
    completed = f"max by ({_PAIR}) ({_PREFIX}_pair_completed{{{_IN}}})"
    worst = f"topk(30, 1e6 * {failed} + ({longest} or 0 * {failed}))"
    columns = [
        Column("cloud", "Cloud"),
        Column("source_host", "From"),
        Column("target_host", "To"),
        Column("Value #A", "Failed", Look(colours=colours.steps((1, colours.BAD), below=colours.PLAIN))),
        Column("Value #B", "Completed", Look(unit="short")),
        Column("Value #C", "Longest", Look(unit="s"), missing=ABSENT),
    ]
    queries = [Query(f"{one} and on ({_PAIR}) {worst}") for one in (failed, completed, longest)]
    return rows(about, columns, *queries)


def orphans() -> Panel:
    """Each object that somebody should look at, and whose it is."""
    good = (
        "None is old. Ask their owners, then delete them. `error`: of no use until somebody acts. `unbound`:"
        " nobody uses it. `no_data`: its upload failed. `stuck`: it stays locked, or is not deleted."
        " A project without a name is gone."
    )
    seen = f"{_ORPHAN}s_beyond_bound{{{_IN}}}"
    about = About("Orphans and errors by name", good, empty="there are none.", seen=seen)
    infos = board.newest(f"{_ORPHAN}_info{{{_IN}}}", _OBJECT, _NAMES)
    changed = f"max by ({_OBJECT}) ({_ORPHAN}_changed_timestamp_seconds{{{_IN}}})"
    age = f"clamp_min(time() - {changed}, 0) * on ({_OBJECT}) group_left ({_NAMES}) {infos}"
    known = f"({age} or on ({_OBJECT}) -1 * {infos})"
    named = f"topk(100, {known} {_WITH_PROJECT} or on ({_OBJECT}) {known})"
    columns = [
        Column("sort", "What"),
        Column("object_name", "Name"),
        Column("reason", "Why"),
        Column("state", "State", missing=NOT_MEASURED),
        Column("Value", "Unchanged for", Look(unit="s", words={"-1": ("not known", colours.PLAIN)})),
        Column("project_name", "Project"),
        Column("project_id", "Project's id"),
        Column("object_id", "Id"),
        Column("cloud", "Cloud"),
    ]
    return rows(about, columns, Query(named))
