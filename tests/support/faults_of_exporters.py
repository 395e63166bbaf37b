"""Faults of exporters, of Prometheus and of the rules themselves."""

import datetime as dt
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from support.debian import ROOT
from support.faulty_stack import FACTOR, FaultyStack
from support.rule_fault import RuleFault

_TOOLS: Final = ROOT / "build/tools/usr/bin"
_DAY_S: Final = 86_400


def _nothing(_: FaultyStack) -> None:
    """It always fires."""


def _kill(stack: FaultyStack) -> None:
    stack.exporters["management-spare-killed"].signal(signal.SIGKILL)


def _install_another(stack: FaultyStack) -> None:
    exporter = stack.exporters["management-spare-old"]
    folder = stack.folder / "installed"
    about = folder / "stratoscope-9.0.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stratoscope\nVersion: 9.0.0\n")
    exporter.stop()
    exporter.environment["PYTHONPATH"] = str(folder)
    exporter.launch()


def _remove_target(stack: FaultyStack) -> None:
    for prometheus in stack.prometheus.values():
        prometheus.scrape(stack.targets("management-spare-untargeted"))


def _misconfigure(stack: FaultyStack) -> None:
    stack.exporters["management-spare-misconfigured"].reload({"clouds": "none"})


def _set_clock(stack: FaultyStack) -> None:
    """As on a machine whose clock is wrong: a module that Python imports first adds ten minutes."""
    exporter = stack.exporters["management-spare-ahead"]
    folder = stack.folder / "ahead"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import time\n\nright = time.time\ntime.time = lambda: right() + 600\n"
    )
    exporter.stop()
    exporter.environment["PYTHONPATH"] = str(folder)
    exporter.launch()


def _renew(stack: FaultyStack) -> None:
    stack.certify(dt.timedelta(days=13))


def _keep_little(stack: FaultyStack) -> None:
    """A Prometheus that has days of data, and may keep one."""
    folder = stack.folder / "short"
    folder.mkdir()
    (folder / "prometheus.yml").write_text("{}")
    for days in (3, 0.1):
        (folder / "page").write_text("\n".join(_page(time.time() - days * _DAY_S)))
        arguments: list[str | Path] = [
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            folder / "page",
            folder / "data",
        ]
        subprocess.run([_TOOLS / "promtool", *arguments], check=True, capture_output=True)
    stack.run(
        [
            _TOOLS / "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=1d",
            f"--web.listen-address=127.0.0.1:{stack.short}",
        ]
    )


def _page(at: float) -> Iterator[str]:
    yield "# TYPE one gauge"
    yield f"one 1 {at:.3f}"
    yield "# EOF\n"


def _lose_thresholds(stack: FaultyStack) -> None:
    rules: dict[str, Any] = json.loads(json.dumps(stack.rules(FACTOR)))
    rules["groups"] = [group for group in rules["groups"] if "threshold" not in group["name"]]
    stack.prometheus[FACTOR].load(rules)


def _set_objective(stack: FaultyStack) -> None:
    stack.prometheus[FACTOR].load(stack.rules(FACTOR, vm_active_within_seconds=50.0))


FAULTS: Final = (
    RuleFault("StratoscopeWatchdog", {}, "none: it always fires", _nothing),
    RuleFault(
        "StratoscopeExporterDown",
        {"job": "management", "cloud": "spare"},
        "an exporter is killed (SIGKILL)",
        _kill,
    ),
    RuleFault(
        "StratoscopeRulesOutdated",
        {"exporter": "management", "version": "9.0.0"},
        "an exporter says that it has version 9.0.0",
        _install_another,
    ),
    RuleFault(
        "StratoscopeExporterGone",
        {"job": "management", "cloud": "spare"},
        "an exporter is taken out of the targets",
        _remove_target,
    ),
    RuleFault(
        "StratoscopeReloadFailed",
        {"job": "management", "cloud": "spare"},
        "a wrong configuration is loaded (SIGHUP)",
        _misconfigure,
    ),
    RuleFault(
        "StratoscopeCertificateExpires",
        {"job": "management", "cloud": "spare"},
        "an exporter gets a certificate that ends in 13 days",
        _renew,
    ),
    RuleFault(
        "StratoscopeClockAhead",
        {"job": "management", "cloud": "spare", "clock": "exporter"},
        "the clock of an exporter is set ten minutes ahead",
        _set_clock,
    ),
    RuleFault(
        "StratoscopeRetentionTooShort",
        {"job": "prometheus"},
        "a Prometheus with data of three days is started with a retention of one",
        _keep_little,
    ),
)
LAST: Final = (
    RuleFault(
        "StratoscopeObjectiveUnmeasured",
        {"cloud": "creation"},
        "the objective is set to 50 s, for which the probes have no bucket",
        _set_objective,
    ),
    RuleFault(
        "StratoscopeThresholdMissing",
        {},
        "rules are loaded without those of thresholds.yml",
        _lose_thresholds,
    ),
)
"""Those that change the rules for all others, so one after the other at the end."""
