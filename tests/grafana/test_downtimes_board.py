"""What the board of downtimes says: its queries, asked by promtool."""

from pathlib import Path
from typing import Final

import pytest

from support.board_values import check, query

OF: Final = "stratoscope_downtime"
NAMED: Final = 'downtime_id="1", severity="outage", planned="true", source="person"'
AT_S: Final = 5_400


def edited() -> dict[str, str]:
    """A downtime whose title was edited, in the second replica alone so far: it was scraped later."""
    series = {
        f'{OF}_info{{{NAMED}, title="old", instance="a"}}': "1x89",
        f'{OF}_info{{{NAMED}, title="new", instance="b"}}': "_x90 1",
    }
    for replica in "ab":
        of = f'{{downtime_id="1", instance="{replica}"}}'
        series |= {
            f"{OF}_start_timestamp_seconds{of}": "600x90",
            f"{OF}_end_timestamp_seconds{of}": "9000x90",
            f'{OF}_notice{{downtime_id="1", of="end", instance="{replica}"}}': "1x90",
        }
    return series


@pytest.mark.parametrize(
    ("panel", "ref", "labels", "value"),
    [
        ("Down on purpose now", "A", NAMED, 600_000),
        ("Down on purpose now", "B", NAMED, 9_000_000),
        ("Downtimes that end soon", "A", 'downtime_id="1"', 9_000 - AT_S),
    ],
)
def test_title_that_is_edited_is_that_of_the_replica_that_was_scraped_last(
    panel: str, ref: str, labels: str, value: float, tmp_path: Path
) -> None:
    found = {f'{{{labels}, title="new"}}': value}
    check(tmp_path, query("downtimes", panel, ref), edited(), found)


def of_two_installations(metric: str, labels: str, values: tuple[str, str]) -> dict[str, str]:
    return {
        f'{OF}_{metric}{{job="{job}", instance="{job}:1"{labels}}}': value
        for job, value in zip(("lab", "uni"), values, strict=True)
    }


@pytest.mark.parametrize(
    ("panel", "ref", "metric", "label"),
    [
        ("Leader", "A", "leader", ""),
        ("Do silences follow the downtimes?", "A", "silences_in_step", "alertmanager"),
        ("Alertmanagers", "A", "silences_wanted", "alertmanager"),
        ("Alertmanagers", "C", "silences_overridden", "alertmanager"),
        ("Are changes stored?", "A", "database_refused", "reason"),
        ("Imports", "B", "import_rows", "source"),
        ("Windows that file nothing", "A", "windows_stuck", "reason"),
    ],
)
def test_installations_of_the_exporter_are_told_apart(
    panel: str, ref: str, metric: str, label: str, tmp_path: Path
) -> None:
    labels = f', {label}="x"' if label else ""
    found = {f'{{job="{job}", exporters="{job} "{labels}}}': value for job, value in (("lab", 0), ("uni", 1))}
    check(
        tmp_path,
        query("downtimes", panel, ref),
        of_two_installations(metric, labels, ("0x90", "1x90")),
        found,
    )


def test_exporters_of_one_database_that_both_lead_are_two(tmp_path: Path) -> None:
    series = {f'{OF}_leader{{job="uni", cloud="c", instance="{name}"}}': "1x90" for name in "ab"}
    found = {'{job="uni", cloud="c", exporters="uni c"}': 2}
    check(tmp_path, query("downtimes", "Leader"), series, found)
