"""The rules of the bundle by name, and what expressions may name: metrics, records and their labels."""

from collections.abc import Iterator, Mapping
from typing import Final

from stratoscope.rules import bundle, thresholds
from stratoscope.rules.bundle import Rule
from support.rule_checks import Known, Labels, checked


def _rules() -> Iterator[tuple[str, Rule]]:
    return (
        (subject, rule)
        for subject, groups in bundle.sources().items()
        for one in groups
        for rule in one.rules
    )


RULES: Final[Mapping[str, Rule]] = {
    " ".join([subject, rule.record or rule.alert, *rule.labels.values()]): rule for subject, rule in _rules()
}


def _labels_of_records() -> dict[str, Labels]:
    """The labels of each record, which may read other records, in whatever order they stand."""
    found: dict[str, Labels] = {thresholds.RECORD.format(name): frozenset() for name in thresholds.known()}
    found |= {thresholds.BUCKET.format(name): frozenset({"le"}) for name in thresholds.known()}
    found |= {
        "global:watched_project_id:info": frozenset({"cloud", "project_id"}),
        "global:watched_flavor:info": frozenset({"flavor"}),
    }
    records = [rule for rule in RULES.values() if rule.record]
    found |= {rule.record: frozenset() for rule in records}
    for _ in range(10):  # no record is that many floors above the metrics
        before = dict(found)
        for rule in records:
            found[rule.record] |= checked(rule.expr, Known(found))[0].union(rule.labels)
        if found == before:
            return found
    raise AssertionError("records that read each other without end")


KNOWN: Final = Known(_labels_of_records())
