"""Can I create a VM? What the probes found: which phase fails, why, and how long each takes."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from boards import board, colours, words
from boards.panels import About, Column, Look, Panel, Query, cells, lines, rows, stacked, timeline

_IN: Final = 'cloud=~"$cloud"'
_STATES: Final = words.badness("works", "slow", "no run", "downtime", "fails")


def made() -> Dashboard:
    """Each probe creates a real VM again and again, as a user does, and deletes it."""
    answer = "What probes found, which create a VM again and again, as a user does, and delete it."
    return (
        board.board("create", "Can I create a VM?", answer, board.clouds(), last="now-24h")
        .with_row(Row("Now"))
        .with_panel(_works())
        .with_panel(_failures())
        .with_row(Row("How long it takes"))
        .with_panel(_until_built())
        .with_panel(_phases())
        .with_row(Row("Objectives"))
        .with_panel(_budget())
        .with_panel(_burn_rate())
    )


def _works() -> Panel:
    good = "All probes work. Slow: later than the objective says. Fails: the cloud is to blame."
    query = Query(f'scope:stratoscope_availability:badness{{scope="probe",{_IN}}}', "{{cloud}}: {{probe}}")
    return timeline(About("Does VM creation work?", good), _STATES, query)


def _failures() -> Panel:
    good = "None. `cloud` is a matter of its operators, `project` and `probe` of who configured the probe."
    about = About("What fails, and why", good, empty="the last run of each probe succeeded.")
    query = Query(
        f"max by (cloud, probe, phase, reason, blame) (stratoscope_vmprobe_last_failure{{{_IN}}})"
        " * on (cloud, probe) group_left () probe:stratoscope_vmprobe_consecutive_failures:max"
    )
    in_a_row = Look(colours=colours.steps((1, colours.NEAR), (3, colours.BAD)))
    columns = [
        Column("cloud", "Cloud"),
        Column("probe", "Probe"),
        Column("phase", "Phase that fails"),
        Column("reason", "Reason"),
        Column("blame", "Who can mend it"),
        Column("Value", "Failures in a row", in_a_row),
    ]
    return rows(about, columns, query)


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
    good = "No phase grows. The phases of the last runs, each of the probe that took longest for it."
    expr = f"max by (phase) (stratoscope_vmprobe_phase_last_duration_seconds{{{_IN}}})"
    return stacked(lines(About("Phases", good), "s", Query(expr, "{{phase}}")))


def _budget() -> Panel:
    look = Look(unit="percentunit", colours=colours.high_is_good(0, 0.25))
    query = Query(f"slo:period_error_budget_remaining:ratio{{{_IN}}}", "{{cloud}}: {{sloth_slo}}")
    return cells(words.BUDGET_LEFT, look, query).span(12).height(8)


def _burn_rate() -> Panel:
    good = "Below 1: then the error budget lasts its 30 days."
    about = About("How fast the error budget burns", good, empty="there were no runs.")
    queries = [
        Query(f"slo:burn_rate:ratio_rate{window}{{{_IN}}}", f"{{{{cloud}}}}: {{{{sloth_slo}}}}, {window}")
        for window in ("30m", "6h")
    ]
    return lines(about, "none", *queries)
