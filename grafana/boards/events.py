"""Panels of the dashboard on the management layer: the events by which clouds say what happens to their VMs.

Few clouds have any: their row is closed at first.
"""

from typing import Final

from boards import board, colours
from boards.panels import About, Column, Look, Panel, Query, highest, lines, rows, stacked

_IN: Final = board.IN
_PREFIX: Final = "stratoscope_management_events"
_NO_EVENTS: Final = "no exporter is to receive events of these clouds."
_ARRIVE: Final = Look(words={"1": ("arrive", colours.GOOD), "0": ("lost", colours.BAD)})
_OF: Final = "cloud, instance"


def streams() -> Panel:
    """Each exporter has a stream of its own."""
    good = (
        "All arrive. Lost: lists are read as often as without events, and changes are seen a minute later."
        " Where little happens, the last event is old."
    )
    columns = [
        Column("cloud", "Cloud"),
        Column("instance", "Exporter"),
        Column("Value #A", "Events", _ARRIVE),
        Column("reason", "Why not"),
        Column("Value #C", "Last event, ago", Look(unit="s")),
    ]
    streams = f"topk(50, min by ({_OF}) ({_PREFIX}_up{{{_IN}}}))"
    lost = f"topk(50, max by ({_OF}, reason) ({_PREFIX}_lost{{{_IN}}}))"
    last = f"max by ({_OF}) ({_PREFIX}_last_timestamp_seconds{{{_IN}}})"
    ago = f"topk(50, clamp_min(time() - {last}, 0))"
    queries = [Query(one) for one in (streams, lost, ago)]
    return rows(About("Do events arrive?", good, empty=_NO_EVENTS), columns, *queries)


def outcomes() -> Panel:
    """What became of them, of the exporter that got most."""
    good = (
        "Most are applied or ignored. Asked: a list is requested for what they lack. Late: a list was"
        " newer. Malformed: the exporter cannot read them."
    )
    about = About("Events of an hour, by what became of them", good, empty=_NO_EVENTS)
    counted = f"sum by (cloud, instance, outcome) (increase({_PREFIX}_total{{{_IN}}}[1h]))"
    most = f"max by (cloud, outcome) ({counted})"
    return stacked(lines(about, "short", Query(highest(15, most), "{{cloud}}: {{outcome}}")))


def missed() -> Panel:
    """What lists had, and no event."""
    good = (
        "Near 0: VMs that a list had as added, changed or removed, and no event within 30 s. More: events"
        " are lost on their way, or the cloud does not send all."
    )
    about = About("Changes of an hour that no event said", good, empty=_NO_EVENTS)
    found = f"max by (cloud, change) (increase({_PREFIX}_missed_total{{{_IN}}}[1h]))"
    return lines(about, "short", Query(highest(15, found), "{{cloud}}: {{change}}"))
