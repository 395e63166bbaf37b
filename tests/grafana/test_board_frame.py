"""What is around the values of dashboards: time, variables, downtimes, links, how panels ask and show."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from support import board_parts
from support.board_cases import names
from support.board_parts import Json
from support.board_values import board

BOARDS: Final[Mapping[str, Json]] = {name: board(name) for name in names()}
SINCE: Final = {
    "availability": "now/M",
    "capacity": "now-7d",
    "create": "now-24h",
    "downtimes": "now-24h",
    "exporters": "now-6h",
    "hosts": "now-6h",
    "management": "now-6h",
    "now": "now-1h",
    "project": "now-6h",
    "technologies": "now-24h",
    "vm": "now-6h",
    "vms": "now-6h",
}
VARIABLES: Final = {
    "availability": ["cloud"],
    "capacity": ["cloud"],
    "create": ["cloud"],
    "downtimes": [],
    "exporters": ["cloud"],
    "hosts": ["cloud", "host"],
    "management": ["cloud"],
    "now": ["cloud"],
    "project": ["cloud", "project"],
    "technologies": ["cloud"],
    "vm": ["cloud", "project", "vm", "its_cloud"],
    "vms": ["cloud", "host"],
}
"""Those that are queried, each before those that depend on it."""
LABELS: Final = {
    "cloud": "Cloud",
    "host": "Host",
    "project": "Project",
    "vm": "VM",
    "its_cloud": "Its cloud",
}
REGEXES: Final = {
    "host": r'/host="([\s\S]*)"/',
    "project": r'/project_id="(?<value>[^"]*)"(?:,project_name="(?<text>[\s\S]*)")?/',
    "vm": r'/vm_id="(?<value>[^"]*)"(?:,vm_name="(?<text>[\s\S]*)")?/',
    "its_cloud": r'/cloud="([\s\S]*)"/',
}
"""Of projects and VMs the value is the id, what is read is the name."""
CLOUD_OF_PROJECTS: Final = {"cloud": r'/cloud="([\s\S]*)"/'}
"""Of boards for owners, whose proxy does not answer label_values."""
DOWNTIMES: Final = {
    "downtimes": "{{cloud}} {{zone}} {{host}} {{project_id}} {{vm_id}}: downtime {{downtime_id}}",
    "project": "{{cloud}} {{zone}} {{vm_id}}",
    "vm": "{{cloud}} {{zone}} {{vm_id}}",
}
"""What is read of them where it is not as on the board of downtimes."""
ON_LOAD: Final = 1
ON_TIME_RANGE: Final = 2
ALPHABETICAL: Final = 5
AS_FOUND: Final = 0


def queried(name: str) -> list[Json]:
    return [one for one in board_parts.variables(BOARDS[name]) if one["type"] == "query"]


def panels(*kinds: str) -> list[Any]:
    """Those of these kinds on all dashboards."""
    return [
        pytest.param(panel, id=f"{name}: {panel['title']}")
        for name, shown in BOARDS.items()
        for panel in board_parts.drawn(shown)
        if panel["type"] in kinds
    ]


@pytest.mark.parametrize("name", BOARDS)
def test_dashboard_is_found_refreshed_and_begins_as_is_said(name: str) -> None:
    shown = BOARDS[name]
    assert shown["time"] == {"from": SINCE[name], "to": "now"}
    assert (shown["refresh"], shown["tags"], shown["uid"]) == ("1m", ["stratoscope"], f"stratoscope-{name}")
    assert shown["timezone"] == ("utc" if name == "availability" else "browser")
    assert shown["graphTooltip"] == 1, "a line at the same time on all panels"


@pytest.mark.parametrize("name", BOARDS)
def test_other_dashboards_are_opened_with_the_same_values_and_time(name: str) -> None:
    (link,) = BOARDS[name]["links"]
    assert (link["title"], link["type"], link["tags"]) == ("Other questions", "dashboards", ["stratoscope"])
    assert (link["asDropdown"], link["includeVars"], link["keepTime"]) == (True, True, True)


@pytest.mark.parametrize("name", BOARDS)
def test_downtimes_are_switched_on_and_say_what_they_are(name: str) -> None:
    (downtimes,) = board_parts.annotations(BOARDS[name])
    assert (downtimes["name"], downtimes["enable"], downtimes["hide"]) == ("Downtimes", True, False)
    assert downtimes["iconColor"] == "#56B4E9"
    assert downtimes["titleFormat"] == "Down on purpose: {{scope}}"
    assert downtimes["textFormat"] == DOWNTIMES.get(name, DOWNTIMES["downtimes"])
    assert downtimes["target"] == {"expr": downtimes["expr"], "refId": "Anno"}


@pytest.mark.parametrize("name", BOARDS)
def test_variables_can_be_typed_and_those_of_several_values_follow_the_time(name: str) -> None:
    assert [one["name"] for one in queried(name)] == VARIABLES[name]
    regexes = REGEXES | (CLOUD_OF_PROJECTS if "project" in VARIABLES[name] else {})
    for one in queried(name):
        assert one["label"] == LABELS[one["name"]]
        assert one["allowCustomValue"] is True
        refresh = ON_TIME_RANGE if one["multi"] else ON_LOAD
        largest_first = (name, one["name"]) == ("project", "project")
        assert (one["refresh"], one["sort"]) == (refresh, AS_FOUND if largest_first else ALPHABETICAL)
        assert one["query"] == {"query": one["definition"], "refId": one["name"]}
        assert one.get("regex", "") == regexes.get(one["name"], "")


@pytest.mark.parametrize("name", BOARDS)
def test_clouds_and_hosts_are_at_first_all_and_one_project_one_vm_and_its_cloud_are_chosen(name: str) -> None:
    for one in queried(name):
        several = one["name"] in ("cloud", "host")
        assert (one["multi"], one["includeAll"]) == (several, several)
        assert one.get("allValue") == (".*" if several else None)
        if several:
            assert one["current"] == {"selected": True, "text": "All", "value": "$__all"}


def test_what_is_typed_to_find_a_vm_is_at_first_nothing() -> None:
    (search,) = [one for one in board_parts.variables(BOARDS["vms"]) if one["type"] == "textbox"]
    assert (search["name"], search["label"]) == ("search", "Name, id or address")
    assert {search["query"], *map(search["current"].get, ("text", "value"))} == {""}
    assert not search.get("hide"), "it is shown"


def test_projects_and_vms_have_at_most_1000_options() -> None:
    names = {"project", "vm"}
    queries = [one["definition"] for name in BOARDS for one in queried(name) if one["name"] in names]
    assert [one.count("(topk(1000, ") for one in queries] == [1] * 3


@pytest.mark.parametrize("panel", panels("stat", "bargauge", "table"))
def test_what_is_now_is_asked_once(panel: Json) -> None:
    wanted = "table" if panel["type"] == "table" else None
    for one in panel["targets"]:
        assert (one.get("instant"), one.get("range", False), one.get("format")) == (True, False, wanted)
        assert one["interval"] == "1m", "rates are of four scrapes"


@pytest.mark.parametrize("panel", panels("timeseries", "state-timeline"))
def test_what_was_is_asked_in_steps_of_a_minute_or_more(panel: Json) -> None:
    for one in panel["targets"]:
        assert (one.get("instant", False), one.get("range"), one.get("interval")) == (False, True, "1m")
    assert panel.get("interval") == ("1h" if panel["title"] == "Day by day" else None)


@pytest.mark.parametrize("panel", panels("table"))
def test_rows_of_several_queries_are_merged_before_columns_are_named(panel: Json) -> None:
    done = [one["id"] for one in panel["transformations"]]
    assert done == (["merge", "organize"] if len(panel["targets"]) > 1 else ["organize"])
    assert panel["options"]["cellHeight"] == "sm"


@pytest.mark.parametrize("panel", panels("stat", "bargauge"))
def test_last_value_is_shown(panel: Json) -> None:
    assert panel["options"]["reduceOptions"] == {"calcs": ["lastNotNull"], "fields": "", "values": False}


@pytest.mark.parametrize("panel", panels("stat", "bargauge", "state-timeline"))
def test_values_are_coloured_by_thresholds(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert (defaults["color"], defaults["thresholds"]["mode"]) == ({"mode": "thresholds"}, "absolute")


@pytest.mark.parametrize("panel", panels("stat"))
def test_cell_is_coloured_and_has_its_name(panel: Json) -> None:
    options = panel["options"]
    assert (options["colorMode"], options["graphMode"]) == ("background_solid", "none")
    assert options["textMode"] == "value_and_name"
    assert all(one.get("legendFormat") for one in panel["targets"])
    on_front_page = options.get("text") == {"titleSize": 12, "valueSize": 26}
    assert on_front_page == (panel["fieldConfig"]["defaults"].get("decimals") == 2)


@pytest.mark.parametrize("panel", panels("bargauge"))
def test_bar_has_one_colour(panel: Json) -> None:
    assert (panel["options"]["displayMode"], panel["options"]["orientation"]) == ("basic", "horizontal")


@pytest.mark.parametrize("panel", panels("state-timeline"))
def test_states_are_told_by_colours(panel: Json) -> None:
    custom = panel["fieldConfig"]["defaults"]["custom"]
    assert (panel["options"]["showValue"], panel["options"]["rowHeight"]) == ("never", 0.9)
    assert custom["fillOpacity"] == 90


@pytest.mark.parametrize("panel", panels("timeseries"))
def test_lines_begin_at_0_and_are_listed(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    assert (custom["axisSoftMin"], custom["lineWidth"], custom["showPoints"]) == (0, 2, "never")
    filled = {"normal": 40}.get(custom.get("stacking", {}).get("mode"), 80 if "drawStyle" in custom else None)
    assert custom.get("fillOpacity") == filled
    assert defaults["color"] == {"mode": "palette-classic"}
    assert panel["options"]["tooltip"] == {"mode": "multi", "sort": "desc"}


@pytest.mark.parametrize("panel", panels("timeseries", "state-timeline"))
def test_legend_is_a_list_below(panel: Json) -> None:
    legend = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
    assert panel["options"]["legend"] == legend


def test_owner_reads_from_which_share_of_lost_time_on_users_notice() -> None:
    (panel,) = [one for one in board_parts.drawn(BOARDS["vm"]) if one["title"] == "CPU time that it loses"]
    assert "from 10% on users notice" in panel["description"]
