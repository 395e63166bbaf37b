"""Where there is something to see: the addresses of all programs."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from stratoscope.demo.show import alertmanager, cloud, prometheus
from stratoscope.demo.show.running import Running
from stratoscope.demo.show.terminal import say, table


def addresses(running: Running) -> None:
    """Say where to look, and what is not shown."""
    say()
    table(list(_rows(running)))
    for one in running.missing:
        say(f"not shown: {one}")
    say()


def _rows(running: Running) -> Iterator[tuple[str, str]]:
    what = f"management exporter: an embedded OpenStack, {cloud.VMS} VMs, {cloud.HOSTS} hosts"
    yield what, f"{running.url('management')}/"
    for one in running.exporters:
        if one.program == "hypervisor":
            whose = "a host of it" if one.labels["cloud"] == cloud.NAME else "this machine"
            yield f"hypervisor exporter: {whose}, {one.labels['host']}", f"{one.url}/"
    yield "probe exporter: creates VMs as a user does, and times it", f"{running.url('vmprobe')}/"
    yield "downtime exporter: what is down on purpose", f"{running.url('downtime')}/"
    if running.prometheus:
        yield "Prometheus: which alerts fire", prometheus.alerts_page(running.prometheus)
    if running.alertmanager:
        has_page = alertmanager.has_page(running.alertmanager)
        what = "which alerts are silenced" + ("" if has_page else ", as JSON: Debian's has no page")
        yield f"Alertmanager: {what}", alertmanager.page(running.alertmanager)
    yield "the embedded OpenStack: POST faults to it, docs/demo-cloud.md", f"{running.cloud}/demo/faults"
    yield "dashboards for a Grafana of yours, docs/dashboards.md", str(dashboards())
    yield "what each program says", f"{running.folder}/*.log"


def dashboards() -> Path:
    """The folder with the dashboards that are shipped."""
    return Path(str(resources.files("stratoscope"))).joinpath("files", "grafana", "dashboards").resolve()
