"""PromQL of the documentation, asked of series that two targets show, by `promtool test rules`."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from stratoscope.core.metrics import Family
from support.declared import FAMILIES
from support.golden import GOLDEN

_NAME = re.compile(r"\bstratoscope_\w+")
_SELECTOR = re.compile(r"\b(stratoscope_\w+)(?:\{([^{}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right) \(([^)]*)\)")
_PARTS = re.compile("_(bucket|sum|count)$")
_OF_THE_SCRAPE = {"instance", "job", "le"}
_BY_NAME: Mapping[str, Family] = {family.name: family for family in FAMILIES}


def names(expression: str) -> set[str]:
    """The metrics that an expression names, histograms by their own name."""
    return {name if name in _BY_NAME else _PARTS.sub("", name) for name in _NAME.findall(expression)}


def unknown_labels(expression: str) -> set[str]:
    """Labels that an expression matches or groups by, and that no metric in it has."""
    known = {label for name in names(expression) if name in _BY_NAME for label in _BY_NAME[name].labels}
    grouped = {label.strip() for labels in _GROUPING.findall(expression) for label in labels.split(",")}
    matched = {
        label for _, matchers in _SELECTOR.findall(expression) for label, _, _ in _MATCHER.findall(matchers)
    }
    return (grouped | matched) - known - _OF_THE_SCRAPE - {""}


def what_fails_while_two_targets_show_it(expressions: Sequence[str], folder: Path) -> str:
    """What promtool says of those that fail, or find nothing, on series that two targets show alike."""
    return _said_of([_test(one) for one in expressions], folder)


def what_differs(expression: str, series: Mapping[str, str], values: Sequence[float], folder: Path) -> str:
    """What promtool says if an expression without labels has other values after two hours of samples."""
    test = {
        "interval": "1m",
        "input_series": [{"series": one, "values": given} for one, given in series.items()],
        "promql_expr_test": [
            {
                "expr": expression,
                "eval_time": "2h",
                "exp_samples": [{"labels": "{}", "value": one} for one in values],
            }
        ],
    }
    return _said_of([test], folder)


def promtool_says(*files: Path, command: str = "test") -> str:
    """What promtool says of files of tests (or, with `check`, of rules); "" if they all pass."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not on PATH; `make tools` gets it"
    done = subprocess.run([promtool, command, "rules", *files], capture_output=True, text=True, check=False)
    return "" if not done.returncode else done.stdout + done.stderr


def _said_of(tests: Sequence[Mapping[str, Any]], folder: Path) -> str:
    """What promtool says of tests that fail."""
    file = folder / "questions.yml"
    file.write_text(json.dumps({"tests": tests}))
    return promtool_says(file)


def _test(expression: str) -> dict[str, Any]:
    """Whatever the values are: comparisons keep what they compare, and what is taken away is looked for."""
    anything = re.sub(r"\s(==|!=|>=|<=|>|<)\s", r" \1 bool ", re.sub(r"\bunless\b", "and", expression))
    series = dict.fromkeys(
        _as_matched(one, _MATCHER.findall(matchers))
        for name, matchers in _SELECTOR.findall(expression)
        for one in _shown(name)
    )
    told = [
        one.replace("{", f'{{job="ours",instance="{instance}",', 1)
        for one in series
        for instance in ("one", "another")
    ]
    return {
        "interval": "1m",
        "input_series": [{"series": one, "values": "1+1x150"} for one in told],
        "promql_expr_test": [
            {
                "expr": f"count({anything}) > bool 0",
                "eval_time": "2h",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
        ],
    }


@cache
def _golden() -> Sequence[Sequence[str]]:
    """The series of each golden page: what one says of a VM does not hold on another."""
    pages = (page.read_text(encoding="utf-8").splitlines() for page in sorted(GOLDEN.glob("*.prom")))
    return [[line.rpartition(" ")[0] for line in page if line[0] != "#"] for page in pages]


def _shown(name: str) -> Iterator[str]:
    """Those of the golden page that has most, and one with its labels' names as values: it fits its like."""
    pages = ([one for one in page if one.startswith(name + "{")] for page in _golden())
    yield from max(pages, key=len)
    labels = {label: label for label in _BY_NAME[next(iter(names(name)))].labels}
    if name.endswith("_bucket"):
        labels["le"] = "+Inf"
    yield f"{name}{{{','.join(f'{label}={json.dumps(value)}' for label, value in labels.items())}}}"


def _as_matched(series: str, matchers: Sequence[tuple[str, str, str]]) -> str:
    """The series with values that the matchers let through, its own where they do."""
    for label, operator, value in matchers:
        wanted = re.sub(r"\.[+*]", "x", value.split("|")[0]) if operator in ("=", "=~") else label
        refused = rf'"{re.escape(value)}"' if operator == "!=" else r'"(?:[^"\\]|\\.)*"'
        series = re.sub(rf"([{{,]{label}=){refused}", rf'\g<1>"{wanted}"', series)
    return series
