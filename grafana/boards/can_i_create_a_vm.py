"""Can I create a VM? What the probes found: which phase fails, why, and how long each takes."""

from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards import board, colours, words
from boards.panels import About, Column, Look, Panel, Query, cells, lines, rows, timeline

_IN: Final = board.IN
_FAILURES: Final = f"probe:stratoscope_vmprobe_consecutive_failures:max{{{_IN}}}"
_STATES: Final = words.badness("works", "slow", "no run", "downtime", "fails")


@dataclass(frozen=True)
class BurnAlert:
    """Two burn rates and their threshold: an alert fires while both are above it.

    Attributes:
        windows: The short one and the long one, as records have them.
        threshold: In its record.
    """

    alert: str
    windows: tuple[str, str]
    threshold: str


_BURN_ALERTS: Final = (
    BurnAlert("ErrorBudgetBurnsFast", ("30m", "2h"), "burn_rate_fast_ratio"),
    BurnAlert("ErrorBudgetBurnsFast", ("30m", "6h"), "burn_rate_slow_ratio"),
    BurnAlert("ErrorBudgetBurns", ("2h", "1d"), "burn_rate_day_ratio"),
    BurnAlert("ErrorBudgetBurns", ("6h", "3d"), "burn_rate_days_ratio"),
)
_WORDS: Final = {"30m": "30 min", "2h": "2 h", "6h": "6 h", "1d": "1 day", "3d": "3 days"}


def made() -> Dashboard:
    """Each probe creates a real VM again and again, as a user does, and deletes it."""
    answer = "What probes found, which create a VM again and again, as a user does, and delete it."
    made = board.board("create", "Can I create a VM?", answer, board.clouds(), last="now-24h")
    rows_of_panels = {
        "Now": (_works(), _failures()),
        "How long it takes": (_until_built(), _phases()),
        "Objectives": (_budget(),),
        "How fast the error budget burns": tuple(map(_burn_rates, _BURN_ALERTS)),
    }
    return board.with_rows(made, rows_of_panels)


def _works() -> Panel:
    good = "All probes work. Slow: later than the objective says. Fails: the cloud is to blame."
    query = Query(f'scope:stratoscope_availability:badness{{scope="probe",{_IN}}}', "{{cloud}}: {{probe}}")
    return timeline(About("Does VM creation work?", good, empty="no probe has run yet."), _STATES, query)


def _failures() -> Panel:
    good = "None. `cloud` is a matter of its operators, `project` and `probe` of who configured the probe."
    about = About("What fails, and why", good, empty="the last run of each probe succeeded.", seen=_FAILURES)
    failed = (
        f"max by (cloud, probe, phase, reason, blame) (stratoscope_vmprobe_last_failure{{{_IN}}})"
        " * on (cloud, probe) group_left ()"
        f" max by (cloud, probe) ({_FAILURES})"
    )
    threshold = "scalar(global:vm_creation_failures:threshold)"
    columns = [
        Column("cloud", "Cloud"),
        Column("probe", "Probe"),
        Column("phase", "Phase that fails"),
        Column("reason", "Reason"),
        Column("blame", "Who can mend it"),
        Column("Value #A", "Failures in a row", Look()),
        Column("Value #B", "Over the alert's threshold", Look(colours=colours.over_threshold())),
    ]
    return rows(about, columns, Query(failed), Query(f"{failed} / {threshold}"))


def _until_built() -> Panel:
    good = "Below the objective. From the accepted request until the VM runs: the median of the last hour."
    about = About("Until the VM runs", good, empty="no run of the last hour succeeded.")
    median = Query(
        "histogram_quantile(0.5, sum by (cloud, probe, le) ("
        f"rate(stratoscope_vmprobe_accepted_to_built_seconds_bucket{{{_IN}}}[1h])))",
        "{{cloud}}: {{probe}}",
    )
    objective = Query("max(global:vm_active_within_seconds:threshold)", "objective")
    return lines(about, "s", median, objective)


def _phases() -> Panel:
    good = (
        "No phase grows. The phases of the last runs, each of the probe that took longest for it, so they do"
        " not add up."
    )
    expr = f"max by (phase) (stratoscope_vmprobe_phase_last_duration_seconds{{{_IN}}})"
    return lines(About("Phases", good), "s", Query(expr, "{{phase}}"))


def _budget() -> Panel:
    look = Look(unit="percentunit", colours=colours.high_is_good(0, 0.25))
    query = Query(f"slo:period_error_budget_remaining:ratio{{{_IN}}}", "{{cloud}}: {{sloth_slo}}")
    return cells(words.BUDGET_LEFT, look, query)


def _burn_rates(one: BurnAlert) -> Panel:
    short, long = (_WORDS[window] for window in one.windows)
    good = (
        f"One of the two is below the threshold: Stratoscope{one.alert} fires while both are above it, and"
        f" there were enough runs within {short}. At 1 the error budget lasts its 30 days."
    )
    about = About(f"Within {short} and {long}", good, empty="there were no runs.")
    queries = [
        Query(
            f"slo:burn_rate:ratio_rate{window}{{{_IN}}}",
            f"{{{{cloud}}}}: {{{{sloth_slo}}}}, {_WORDS[window]}",
        )
        for window in one.windows
    ]
    threshold = Query(f"max(global:{one.threshold}:threshold)", "threshold")
    return lines(about, "none", *queries, threshold)
