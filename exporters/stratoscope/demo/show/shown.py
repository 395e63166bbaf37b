"""Where there is something to see: the addresses of all programs."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from stratoscope.demo.show import alertmanager, clouds, prometheus
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
    sizes = " and ".join(f"{one.title}, {one.vms} VMs on {one.hosts} hosts" for one in clouds.CLOUDS)
    yield f"management exporter: embedded {sizes}", f"{running.url('management')}/"
    for exporter in running.exporters:
        if exporter.program == "hypervisor":
            whose = "this machine" if exporter.labels["cloud"] == "here" else "a host of the OpenStack"
            yield f"hypervisor exporter: {whose}, {exporter.labels['host']}", f"{exporter.url}/"
    yield "probe exporter: creates VMs as a user does, and times it", f"{running.url('vmprobe')}/"
    yield "downtime exporter: what is down on purpose", f"{running.url('downtime')}/"
    if running.prometheus:
        yield "Prometheus: which alerts fire", prometheus.alerts_page(running.prometheus)
    if running.alertmanager:
        has_page = alertmanager.has_page(running.alertmanager)
        what = "which alerts are silenced" + ("" if has_page else ", as JSON: Debian's has no page")
        yield f"Alertmanager: {what}", alertmanager.page(running.alertmanager)
    for one, server in zip(clouds.CLOUDS, running.clouds, strict=True):
        yield f"the embedded {one.title}: POST faults to it, docs/demo-cloud.md", f"{server.url}/demo/faults"
    yield "dashboards for a Grafana of yours, docs/dashboards.md", str(dashboards())
    yield "what each program says", f"{running.folder}/*.log"


def dashboards() -> Path:
    """The folder with the dashboards that are shipped."""
    return Path(str(resources.files("stratoscope"))).joinpath("files", "grafana", "dashboards").resolve()
