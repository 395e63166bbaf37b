"""The preview: which current alerts a downtime would silence."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final

from stratoscope.downtime.draft import Checked
from stratoscope.downtime.matchers import matches, matches_everything

MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What Alertmanagers say of a draft.

    Attributes:
        alerts: The labels of some that match.
        count: How many match.
        all: How many alerts there are.
        answered: How many Alertmanagers have said so.
        failed: Those that could not be asked: name -> why.
        silences: Whether they would be silenced; or else only explained.
        is_everything: Whether a set matches every alert.
        is_over: Whether the downtime is over already.
        occurrences: When a window occurs next.
    """

    alerts: Sequence[Mapping[str, str]]
    count: int
    all: int
    answered: int = 1
    failed: Mapping[str, str] = field(default_factory=dict)
    silences: bool = True
    is_everything: bool = False
    is_over: bool = False
    occurrences: Sequence[str] = ()

    @property
    def is_all_now(self) -> bool:
        """Whether every alert that there is now matches, though others would not."""
        return 1 < self.all == self.count and not self.is_everything

    @property
    def needs_confirmation(self) -> bool:
        return self.is_everything or (self.silences and self.is_all_now)


def preview(
    fields: Checked, now: float, answers: Iterable[Sequence[Mapping[str, str]]], failed: Mapping[str, str]
) -> Preview:
    """The preview of what somebody wants to file.

    Args:
        now: Unix seconds.
        answers: The labels of all alerts, of each Alertmanager that answered.
        failed: The others: name -> why.
    """
    answers = [*answers]
    alerts = {frozenset(labels.items()): labels for one in answers for labels in one}
    found = [one for one in alerts.values() if any(matches(some, one) for some in fields.matcher_sets)]
    return Preview(
        alerts=nsmallest(MOST_SHOWN, found, key=_order),
        count=len(found),
        all=len(alerts),
        answered=len(answers),
        failed=failed,
        silences=fields.silences and fields.end > now,
        is_over=fields.end <= now,
        is_everything=any(map(matches_everything, fields.matcher_sets)),
    )


def _order(labels: Mapping[str, str]) -> tuple[str, Sequence[tuple[str, str]]]:
    return labels.get("alertname", ""), sorted(labels.items())
