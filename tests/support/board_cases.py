"""Cases of a dashboard, from `tests/grafana/values/BOARD.yml`: what queries find in series that are made up.

A file is a list of sites:

    - hour: 1.5                            # when it is asked; series begin at midnight. May be left out
      within: last_over_time(({})[1h:1m])  # what the query is put into. May be left out
      search: web                          # what is typed to find VMs. May be left out
      series:
        name{cloud="lab", host="n1"}: 3    # all the time
        name{cloud="lab", host="n2"}: 1x80 2x10  # as promtool writes it, each minute
      found:
        Title of a panel:                  # its query A; B is `Title of a panel #B`
          cloud="lab": 3                   # without the name of the metric; at most 4 decimals
        annotation Downtimes: {}
        variable vm: {}

Chosen are the clouds `lab` and `uni`, hosts whose names begin with `n`, the project `p`, and the VM `1` of
`lab`, if the dashboard has these variables. Each series is also there for what is not chosen: it changes
nothing.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from support import board_parts
from support.board_values import FOLDER, HOUR, Found, Series, Site, board, filled

CASES: Final = Path(__file__).parents[1] / "grafana" / "values"
_CHOSEN: Final = {"cloud": "(lab|uni)", "host": "n.*", "project": "p", "vm": "1", "its_cloud": "lab"}
_LABELS: Final = {
    "cloud": "cloud",
    "host": "host",
    "project": "project_id",
    "vm": "vm_id",
    "its_cloud": "cloud",
}
"""By variable."""
_OTHERS: Final = {"away": 0, "above": 1_000, "below": -1_000}
"""What is not chosen, and how far its values are from those of what is."""
_OTHER_CLOUD: Final = {"uni": 1_000}
"""It is chosen, but not as the cloud of the VM: it has a VM and a project of the same ids."""
_ROUNDED: Final = "round({}, 0.0001)"
"""Without the name of the metric."""
_LABEL_VALUES: Final = re.compile(r"label_values\((.+), (\w+)\)")
_QUERY_RESULT: Final = re.compile(r"query_result\((.+)\)")


@dataclass(frozen=True)
class Case:
    """What a query finds in a site."""

    name: str
    site: Site
    found: Found
    within: str
    search: str


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice: the first would say nothing."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) != len(node.value):
            raise ValueError(f"a key stands twice, below line {node.start_mark.line}")
        return found


def table(file: Path) -> Any:
    """What a file in YAML says. Raises ValueError where a key stands twice."""
    return yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe loader


def names() -> list[str]:
    """Of all dashboards."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


@cache
def queries(name: str) -> Mapping[str, str]:
    """All queries of a dashboard, as a file of cases calls them."""
    shown = board(name)
    found = {
        f"{panel['title']} #{target['refId']}".removesuffix(" #A"): target["expr"]
        for panel in board_parts.drawn(shown)
        for target in panel.get("targets", ())
    }
    found |= {f"annotation {one['name']}": one["expr"] for one in board_parts.annotations(shown)}
    for variable in board_parts.variables(shown):
        if variable["type"] == "query":
            found[f"variable {variable['name']}"] = _of_variable(variable["query"]["query"])
    return found


def _of_variable(query: str) -> str:
    if found := _LABEL_VALUES.fullmatch(query):
        return f"group by ({found[2]}) ({found[1]})"
    if found := _QUERY_RESULT.fullmatch(query):
        return found[1]
    raise ValueError(f"{query}: this query of variables is not known here")


def cases(name: str) -> Iterator[Case]:
    """Those of a dashboard."""
    file = CASES / f"{name}.yml"
    for site in table(file) if file.exists() else ():
        for query, found in site["found"].items():
            series = {**_not_chosen(name, query, site["series"]), **site["series"]}
            asked = Site(series, site.get("hour", HOUR))
            yield Case(query, asked, found, site.get("within", "{}"), site.get("search", ""))


def _not_chosen(name: str, query: str, series: Series) -> Series:
    """Copies of series of other clouds, hosts and so on, as they are, larger, and smaller."""
    variables = [one["name"] for one in board_parts.variables(board(name)) if one["name"] in _LABELS]
    if query.startswith("variable "):
        variables = variables[: variables.index(query.removeprefix("variable "))]
    return {
        re.sub(rf'\b({_LABELS[variable]}|instance)="[^"]+"', rf'\1="{other}"', one): _moved(values, by)
        for variable in variables
        for one, values in series.items()
        if f'{_LABELS[variable]}="' in one
        for other, by in (_OTHER_CLOUD if variable == "its_cloud" else _OTHERS).items()
    }


def _moved(values: float | str, by: float) -> float | str:
    """Values that go up and down stay as they are."""
    return values if isinstance(values, str) else values + by


def expression(name: str, case: Case) -> str:
    """What is asked."""
    asked = filled(queries(name)[case.name], case.site.hour, **_CHOSEN, search=case.search)
    return _ROUNDED.format(case.within.format(asked))
