"""The real rules judge the two hosts: one noisy neighbour, and one VM at its own limit."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import yaml

from support.debian import ROOT
from support.promql import promtool_says
from support.shown_hosts import Shown, exporter_of

MINUTES: Final = 16
"""Long enough for records that are made every four minutes from rates over five."""
NEEDED: Final = (
    "vm_info",
    "vm_vcpus",
    "vm_cpu_seconds_total",
    "vm_cpu_periods_total",
    "vm_cpu_throttled_periods_total",
    "vm_vcpu_delay_seconds_total",
    "vm_pressure_some_seconds_total",
    "host_cpus",
    "host_vcpus_promised",
)
RULES: Final = ROOT / "prometheus"
VERDICT: Final = "vm:stratoscope_contention:verdict"
_BUSY: Final = 0.2
"""The share of its virtual CPUs that a VM wants which is busy; one that swings less is busy all the time."""
Expected = Mapping[str, Sequence[Mapping[str, str]]]
"""Labels of the series that an expression gives, each with the value 1."""


async def test_rules_name_the_victims_of_the_noisy_neighbour_and_the_vm_at_its_own_limit(
    tmp_path: Path,
) -> None:
    shown = Shown(tmp_path)
    noisy, guests = shown.noisy.noisy, shown.noisy.running
    assert noisy is not None
    (limited,) = [guest for guest in shown.limited.guests if guest.quota is not None]
    steady = [guest for guest in guests if guest.activity.mean > _BUSY and guest.activity.swing < _BUSY]
    victims = [guest.vm.id for guest in steady if guest is not noisy]
    assert len(victims) > 5
    check(
        await _series(shown),
        tmp_path,
        {
            f"group by (cause) ({VERDICT})": [{"cause": "noisy_neighbour"}, {"cause": "own_limit"}],
            f'group by (vm_id) ({VERDICT}{{cause="own_limit"}})': [{"vm_id": limited.vm.id}],
            f'group by (vm_id) ({VERDICT}{{cause="noisy_neighbour",vm_id=~"{"|".join(victims)}"}})': [
                {"vm_id": one} for one in victims
            ],
            f'{VERDICT}{{vm_id="{noisy.vm.id}"}}': [],
            "group by (instance) (instance:stratoscope_contention:losers)": [
                {"instance": shown.noisy.host.name}
            ],
        },
    )


def check(series: Mapping[str, Sequence[float]], folder: Path, expected: Expected) -> None:
    """Let promtool judge, by the real rules, what the exporters of both hosts showed in so many minutes."""
    tests = [
        {
            "expr": expression,
            "eval_time": f"{MINUTES}m",
            "exp_samples": [{"labels": _selector("", labels), "value": 1} for labels in found],
        }
        for expression, found in expected.items()
    ]
    known = yaml.safe_load((RULES / "tests" / "contention.yml").read_text())
    document = {
        "rule_files": [str((RULES / "tests" / name).resolve()) for name in known["rule_files"]],
        "evaluation_interval": "1m",
        "group_eval_order": known["group_eval_order"],
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": one, "values": " ".join(map(repr, values))} for one, values in series.items()
                ],
                "promql_expr_test": tests,
            }
        ],
    }
    file = folder / "judged.yml"
    file.write_text(json.dumps(document))  # YAML reads JSON
    assert promtool_says(file) == ""


async def _series(shown: Shown) -> Mapping[str, Sequence[float]]:
    """Minute by minute the values of each series, with the host as its instance."""
    found: dict[str, list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        exporters = {
            files.root.name: await stack.enter_async_context(exporter_of(files.root)) for files in shown.files
        }
        for minute in range(MINUTES + 1):
            shown.move(60 * minute)
            for instance, exporter in exporters.items():
                page = await exporter.page()
                for name in NEEDED:
                    for have, value in page.all(f"stratoscope_hypervisor_{name}"):
                        labels = {**have, "instance": instance}
                        found[_selector(f"stratoscope_hypervisor_{name}", labels)].append(value)
    return found


def _selector(name: str, labels: Mapping[str, str]) -> str:
    return name + "{" + ",".join(f"{label}={json.dumps(value)}" for label, value in labels.items()) + "}"
