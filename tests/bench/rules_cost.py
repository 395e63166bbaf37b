"""What the rules cost: Prometheus with them beside one without, at 10,000 VMs; and what fires for nothing.

Both of the oldest Prometheus that is supported, then both of the newest that runs here.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from results import Result, at_least, at_most
from rules_history import read_over_hours, write_blocks
from rules_prometheus import NEWEST, OLDEST, Itself, Prometheus, prometheus
from rules_stored import INTERVAL_S, Size, pages

from stratoscope.rules import bundle
from stratoscope.rules.values import Values

FULL: Final = Size(vms=10_000, hosts=200, projects=200, warm_s=420, cycles=60)
"""An hour: of a healthy cloud nothing fires in it."""
_CPU_S: Final = 3
_GROUP_S: Final = 1
_YOUNG_EVERY_S: Final = 15
_YOUNG_S: Final = 150
_DEAREST: Final = 10
_FIRING: Final = 'ALERTS{alertstate="firing",alertname!="StratoscopeWatchdog"}'
_OF_VMS: Final = "count(vm:stratoscope_hypervisor_vm_cpu_seconds:rate5m)"
_PAGES: Final = Path(__file__).with_name("rules_pages.py")


@dataclass
class Seen:
    """What the rules do. Attributes: groups: Seconds of the longest evaluation of each; rules: Of all."""

    groups: dict[str, float] = field(default_factory=dict)
    rules: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    intervals: dict[str, float] = field(default_factory=dict)
    firing: Counter[str] = field(default_factory=Counter)

    def look(self, ruled: Prometheus) -> None:
        durations = ruled.itself().of_groups("prometheus_rule_group_last_duration_seconds")
        for group, seconds in durations.items():
            self.groups[group] = max(seconds, self.groups.get(group, 0))
        for name, seconds, interval in ruled.rules():
            self.rules[name].append(seconds)
            self.intervals[name] = interval
        self.firing.update(labels["alertname"] for labels, _ in ruled.ask(_FIRING))

    def tell(self) -> None:
        """Print the ten dearest rules, and the groups and alerts that are too much."""
        cost = {
            name: sum(taken) / len(taken) * INTERVAL_S / self.intervals[name]
            for name, taken in self.rules.items()
        }
        print("the dearest rules, in milliseconds of evaluation a minute:")
        for name in sorted(cost, key=lambda one: -cost[one])[:_DEAREST]:
            print(f"  {cost[name] * 1e3:7.1f} {name}")
        print("the longest groups, in seconds:")
        for name in sorted(self.groups, key=lambda one: -self.groups[one])[:5]:
            print(f"  {self.groups[name]:7.3f} {name}")
        for name, count in self.firing.items():
            print(f"  {name} fires {count} times")


def run(size: Size = FULL, suites: Sequence[str] = (OLDEST, NEWEST)) -> list[Result]:
    """Cost and noise by version; one after the other, since four at once take the caches from each other."""
    documents = [yaml.safe_load(text) for text in bundle.files(Values()).values()]
    groups = [group for document in documents for group in document["groups"]]
    with tempfile.TemporaryDirectory() as name, _targets(size, Path(name)) as scrapes:
        return [result for suite in suites for result in _measured(suite, size, groups, scrapes)]


def _measured(
    suite: str, size: Size, groups: Sequence[Mapping[str, Any]], scrapes: Sequence[Mapping[str, Any]]
) -> list[Result]:
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        _make_history(folder, scrapes, groups)

        def started(kind: str, rules: Sequence[Mapping[str, Any]]) -> Prometheus:
            shutil.copytree(folder / "history", folder / kind / "data")
            return stack.enter_context(
                prometheus(folder / kind, scrapes, {"groups": rules}, INTERVAL_S, suite)
            )

        pair = started("ruled", groups), started("plain", [])
        ruled, _ = pair
        time.sleep(size.warm_s)
        for one in pair:
            _check(one, size)
        before = [one.itself().cpu_s for one in pair]
        seen = _seen(ruled, size.cycles)
        spent, without = (
            (one.itself().cpu_s - cpu_s) / size.cycles for one, cpu_s in zip(pair, before, strict=True)
        )
        vms = ruled.number(_OF_VMS)
        print(f"{suite}, {vms:.0f} VMs, CPU per cycle: {spent:.2f} s with rules, {without:.2f} without")
        seen.tell()
        after, at = ruled.itself(), f"rules, {size.vms:,} VMs, Prometheus of {suite}"
        return [
            at_most(f"{at}: CPU per cycle more than without", spent - without, _CPU_S, "s"),
            at_most(f"{at}: the longest evaluation of a group", max(seen.groups.values()), _GROUP_S, "s"),
            at_most(f"{at}: evaluations that failed", _total(after, "evaluation_failures"), 0, ""),
            at_most(f"{at}: evaluations that were missed", _total(after, "group_iterations_missed"), 0, ""),
            at_most(f"{at}: alerts that fire though nothing is wrong", len(seen.firing), 0, ""),
            at_least(f"{at}: VMs with records / VMs", vms / ruled.number(_VMS), 0.98),
        ]


def _seen(ruled: Prometheus, cycles: int) -> Seen:
    """What the rules do in so many cycles."""
    seen, began = Seen(), time.monotonic()
    for cycle in range(1, cycles + 1):
        time.sleep(max(0.0, began + cycle * INTERVAL_S - time.monotonic()))
        seen.look(ruled)
    return seen


_VMS: Final = "count(count by (vm_id) (stratoscope_hypervisor_vm_vcpus))"


def _total(page: Itself, what: str) -> float:
    return page.total(f"prometheus_rule_{what}_total")


def _check(one: Prometheus, size: Size) -> None:
    """What shows nothing is quick, and proves nothing."""
    up, shown = one.number("sum(up)"), one.number("sum(scrape_samples_scraped)")
    if up != size.hosts + 3 or one.number(_VMS) < 0.8 * size.vms:
        raise RuntimeError(f"of {size.hosts + 3} targets {up:.0f} are up")
    print(f"{up:.0f} targets with {shown:,.0f} series")


@contextmanager
def _targets(size: Size, folder: Path) -> Iterator[Sequence[Mapping[str, Any]]]:
    """The pages, served; yields how to scrape them."""
    stored = folder / "pages"
    stored.mkdir()
    for name, text in pages(size, folder).items():
        (stored / f"{name}.prom").write_text(text)
    with subprocess.Popen([sys.executable, _PAGES, stored], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, *hosts = process.stdout.readline().split()
            yield list(_scrapes(f"127.0.0.1:{port}", hosts))
        finally:
            process.terminate()


def _scrapes(address: str, hosts: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Scraped as docs/rules.md has it: our labels win, and a target has `cloud` and, on a host, `host`."""
    of_hosts = [_target(address, f"/host/{host}", host, host=host) for host in hosts]
    yield {"job_name": "hypervisor", "honor_labels": True, "static_configs": of_hosts}
    for name in ("management", "vmprobe", "downtime"):
        target = _target(address, f"/other/{name}", name)
        yield {"job_name": name, "honor_labels": True, "static_configs": [target]}


def _target(address: str, path: str, instance: str, **labels: str) -> Mapping[str, Any]:
    labels = {"__metrics_path__": path, "instance": instance, "cloud": "demo", **labels}
    return {"targets": [address], "labels": labels}


def _make_history(
    folder: Path, scrapes: Sequence[Mapping[str, Any]], groups: Sequence[Mapping[str, Any]]
) -> None:
    """Make a day of what rules read over hours; a Prometheus that lives minutes tells the labels."""
    often = [{**group, "interval": f"{_YOUNG_EVERY_S}s"} for group in groups]
    with prometheus(folder / "young", scrapes, {"groups": often}, _YOUNG_EVERY_S) as young:
        time.sleep(_YOUNG_S)
        steps = read_over_hours(groups)
        found = {name: young.ask(name) for name in steps}
    count = write_blocks(found, steps, time.time(), folder / "history")
    print(f"{count:,} samples of the day before")
    shutil.rmtree(folder / "young")
