"""Starts the programs of the demo, each once what it needs is there."""

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from stratoscope.demo.show import alertmanager, cloud, downtimes, exporters, packages, probes, prometheus
from stratoscope.demo.show.asking import free_port, is_ready
from stratoscope.demo.show.children import Child, DemoError, end, run, stratoscope, wait_until
from stratoscope.demo.show.exporters import Exporter

PORTS: Final = {
    "hypervisor": 10971,
    "hypervisor-1": 10981,
    "hypervisor-2": 10982,
    "management": 10972,
    "vmprobe": 10973,
    "downtime": 10974,
    "demo-cloud": 10980,
    "alertmanager": 9093,
    "prometheus": 9090,
}


@dataclass(slots=True)
class Running:
    """What runs, and where; it is filled while it starts.

    Attributes:
        folder: For all files of the demo.
        tools: Where packages are unpacked.
        stop: Set by a signal.
        libvirt: URI of a libvirt of this machine that has domains; "" without.
        prometheus: Its URL, as `alertmanager`; "" where it cannot run.
        downtime_page: Of the downtime that was filed.
        missing: What is not shown, and why.
    """

    folder: Path
    tools: Path
    stop: threading.Event
    libvirt: str = ""
    children: list[Child] = field(default_factory=list)
    exporters: list[Exporter] = field(default_factory=list)
    cloud: str = ""
    prometheus: str = ""
    alertmanager: str = ""
    downtime_page: str = ""
    missing: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start everything.

        Raises:
            DemoError: Something does not start that the demo cannot do without.
            Stopped: A signal came.
        """
        self._look_for_domains()
        ports = {name: free_port(wanted, name) for name, wanted in PORTS.items()}
        child, clouds = cloud.start(self.folder, ports["demo-cloud"])
        self.children.append(child)
        self.cloud = f"http://127.0.0.1:{ports['demo-cloud']}"
        files = self._write_files()
        self._start_alertmanager(ports["alertmanager"], files / "alertmanager" / "alertmanager.yml")
        wait_until(child, clouds.exists, self.stop)
        cloud.break_something(self.cloud)
        started = self._start_exporters(ports, clouds)
        self._start_prometheus(ports["prometheus"])
        for child, exporter in zip(started, self.exporters, strict=True):
            wait_until(child, partial(is_ready, exporter.url), self.stop)
        self.downtime_page = downtimes.file(self.url("downtime"), self.stop)

    def url(self, program: str) -> str:
        """Of the first exporter of this sub-command."""
        return next(one.url for one in self.exporters if one.program == program)

    def check(self) -> None:
        """Raises DemoError: A program has ended."""
        for child in self.children:
            child.check()

    def end(self) -> None:
        """End all."""
        end(self.children)

    def _look_for_domains(self) -> None:
        """Those of this machine are shown, too: of qemu:///system, or what LIBVIRT_DEFAULT_URI names."""
        own = os.environ.get("LIBVIRT_DEFAULT_URI") or "qemu:///system"
        if not exporters.has_libvirt():
            return
        if why_not := exporters.domains(own, self.stop):
            self.missing.append(f"VMs of {own}: {why_not}")
        else:
            self.libvirt = own

    def _write_files(self) -> Path:
        """What is shipped for Alertmanager and Grafana; its folder."""
        files = self.folder / "files"
        done = run(stratoscope("files", f"--output={files}"), self.stop)
        if done.status:
            raise DemoError(f"the files were not written: {done.reason}")
        return files

    def _start_alertmanager(self, port: int, shipped: Path) -> None:
        found = self._found("alertmanager")
        if found is None:
            return
        child, why_not = alertmanager.start(self.folder, found, port, shipped, self.stop)
        if child is None:
            self.missing.append(f"Alertmanager, so no silence: {why_not}")
            return
        self.children.append(child)
        self.alertmanager = f"http://127.0.0.1:{port}"

    def _start_prometheus(self, port: int) -> None:
        found = self._found("prometheus")
        if found is None:
            return
        rules = prometheus.write_rules(self.folder, self.stop)
        document = prometheus.configuration(self.exporters, rules, self.alertmanager)
        child = prometheus.start(self.folder, found, port, document)
        self.children.append(child)
        at = f"http://127.0.0.1:{port}"
        wait_until(child, partial(is_ready, at), self.stop)
        self.prometheus = at

    def _found(self, name: str) -> Sequence[str | Path] | None:
        found = packages.find(name, self.tools, self.stop)
        if isinstance(found, packages.Missing):
            self.missing.append(f"{name.capitalize()}: {found.why}")
            return None
        return found.start

    def _start_exporters(self, ports: Mapping[str, int], clouds: Path) -> list[Child]:
        of_probes = probes.configuration(clouds.with_name("clouds.yaml"))
        name, folder = cloud.NAME, self.folder
        self.exporters += [
            exporters.management(folder, clouds, ports["management"], name),
            exporters.vmprobe(folder, of_probes, ports["vmprobe"], name),
            exporters.downtime(folder, clouds, ports["downtime"], name, self.alertmanager),
        ]
        if exporters.has_libvirt():
            self.exporters += exporters.hosts(folder, [ports["hypervisor-1"], ports["hypervisor-2"]], name)
        else:
            self.missing.append("hosts: the extra [hypervisor] is not installed")
        if self.libvirt:
            self.exporters.append(exporters.hypervisor(folder, self.libvirt, ports["hypervisor"]))
        started = []
        for one in self.exporters:
            started.append(one.start(folder))
            self.children.append(started[-1])
        return started
