"""A day of the series that rules read over hours: a young Prometheus has none, and its rules cost nothing."""

import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

import promql_parser
from from_tests import nodes
from processes import ROOT

DAY_S: Final = 86_400
_LONG_S: Final = 3600

Series = Mapping[str, str]


def read_over_hours(groups: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Metrics that rules read over an hour or more, and how many seconds lie between their samples."""
    groups = list(groups)
    made = {
        rule["record"]: _seconds(group["interval"])
        for group in groups
        for rule in group["rules"]
        if "record" in rule and "interval" in group
    }
    read = {name for group in groups for rule in group["rules"] for name in _long(rule["expr"])}
    return {name: made.get(name, 60.0) for name in sorted(read)}


def _seconds(interval: str) -> float:
    return {"s": 1, "m": 60, "h": 3600}[interval[-1]] * float(interval[:-1])


def _long(expression: str) -> Iterator[str]:
    for node in nodes(promql_parser.parse(expression)):
        if isinstance(node, promql_parser.MatrixSelector) and node.range.total_seconds() >= _LONG_S:
            yield str(node.vector_selector.name)


def write_blocks(
    found: Mapping[str, Iterable[tuple[Series, float]]],
    steps: Mapping[str, float],
    until: float,
    folder: Path,
) -> int:
    """Write a day of each series that there is now, as blocks of Prometheus into the folder.

    Args:
        found: The labels and values of each metric.
        steps: Seconds between two samples of it.

    Returns:
        The number of samples.
    """
    text = folder.with_name("history.txt")
    dice, count = Random(1), 0  # noqa: S311 - no secret
    with text.open("w") as file:
        for name, series in found.items():
            print(f"# TYPE {name} unknown", file=file)
            step = steps[name]
            for labels, value in series:
                rest = ",".join(f'{label}="{_quoted(text)}"' for label, text in labels.items())
                for number in range(int(DAY_S // step), 0, -1):
                    # A state stays what it is; other figures differ, as they cost more to read.
                    then = value if value in (0, 1) else value * dice.uniform(0.9, 1.1)
                    file.write(f"{name}{{{rest}}} {then:.9g} {until - number * step:.3f}\n")
                    count += 1
        print("# EOF", file=file)
    folder.mkdir(parents=True, exist_ok=True)
    promtool = str(ROOT / "build/tools/usr/bin/promtool")
    few_blocks = "--max-block-duration=24h"  # it reads the whole text once for each
    command = [promtool, "tsdb", "create-blocks-from", few_blocks, "openmetrics", str(text), str(folder)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    text.unlink()
    return count


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
