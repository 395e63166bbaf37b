"""Starts the programs of the demo, each once what it needs is there."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stratoscope.demo.show import alertmanager, clouds, downtimes, exporters, packages, prometheus
from stratoscope.demo.show.asking import NoAnswerError
from stratoscope.demo.show.children import DemoError, end, run, stratoscope, wait_until
from stratoscope.demo.show.exporters import Exporter
from stratoscope.demo.show.servers import Server
from stratoscope.demo.show.terminal import say


@dataclass(slots=True)
class Running:
    """What runs, and where; it is filled while it starts.

    Attributes:
        folder: For all files of the demo.
        tools: Where packages are unpacked.
        stop: Set by a signal.
        libvirt: URI of a libvirt of this machine that has domains; "" without.
        servers: All programs that were started, but those that are lost.
        clouds: The embedded ones, in the order of `clouds.CLOUDS`.
        prometheus: Its URL, as `alertmanager`; "" where it cannot run, or has ended.
        downtime_page: Of the downtime that was filed.
        missing: What is not shown, and why.
        lost: Which of Prometheus and Alertmanager have ended while the demo ran.
    """

    folder: Path
    tools: Path
    stop: threading.Event
    libvirt: str = ""
    servers: list[Server] = field(default_factory=list)
    exporters: list[Exporter] = field(default_factory=list)
    clouds: list[Server] = field(default_factory=list)
    prometheus: str = ""
    alertmanager: str = ""
    downtime_page: str = ""
    missing: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start everything.

        Raises:
            DemoError: Something does not start that the demo cannot do without.
            Stopped: A signal came.
        """
        self._look_for_domains()
        self.clouds += [one.server(self.folder) for one in clouds.CLOUDS]
        for server in self.clouds:
            self._start(server)
        files = self._write_files()
        self._start_alertmanager(files / "alertmanager" / "alertmanager.yml")
        for one, server in zip(clouds.CLOUDS, self.clouds, strict=True):
            server.until_it_listens(self.stop)
            wait_until(server.child, one.config(self.folder).exists, self.stop)
        clouds.break_something(*(server.url for server in self.clouds))
        self._start_exporters()
        self._start_prometheus()
        for exporter in self.exporters:
            exporter.server.until_it_is_ready(self.stop)
        self.downtime_page = downtimes.file(self.url("downtime"), self.stop)

    def url(self, program: str) -> str:
        """Of the first exporter of this sub-command."""
        return next(one.url for one in self.exporters if one.program == program)

    def check(self) -> None:
        """See whether all programs live; without Prometheus and Alertmanager the demo goes on, and says so.

        Raises:
            DemoError: Another program has ended.
        """
        for server in list(self.servers):
            try:
                server.child.check()
            except DemoError as error:
                if server.url not in (self.prometheus, self.alertmanager):
                    raise
                self._lose(server, str(error))

    def _lose(self, server: Server, why: str) -> None:
        self.servers.remove(server)
        server.release()
        self.lost.append(server.name)
        if server.url == self.prometheus:
            self.prometheus = ""
        else:
            self.alertmanager = ""
        say(f"{why}\nthe demo goes on without {server.name}")

    def end(self) -> None:
        """End all."""
        end([one.child for one in self.servers], len(self.clouds))
        for one in self.servers:
            one.release()

    def _start(self, server: Server) -> None:
        server.start()
        self.servers.append(server)

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

    def _start_alertmanager(self, shipped: Path) -> None:
        found = self._found("alertmanager")
        if found is None:
            return
        server = alertmanager.server(self.folder, found, shipped)
        if self._runs(server, "Alertmanager, so no silence", alertmanager.START_S):
            self.alertmanager = server.url

    def _start_prometheus(self) -> None:
        found = self._found("prometheus")
        rules = None if found is None else prometheus.write_rules(self.folder, self.stop)
        for one in self.exporters:  # from now on they have their ports
            one.server.until_it_listens(self.stop)
        if found is None or rules is None:
            return
        document = prometheus.configuration(self.exporters, rules, self.alertmanager)
        server = prometheus.server(self.folder, found, document)
        if self._runs(server, "Prometheus, so no alert and no answer", prometheus.START_S):
            self.prometheus = server.url
            self._look_for_rules()

    def _look_for_rules(self) -> None:
        try:
            if not prometheus.has_rules(self.prometheus):
                self.missing.append("alerts and answers: Prometheus has no rules")
        except NoAnswerError as error:
            self.missing.append(f"whether Prometheus has rules: {error}")

    def _runs(self, server: Server, what: str, within_s: float) -> bool:
        """Start a program that the demo can do without; if it does not run, that is missing."""
        self._start(server)
        try:
            server.until_it_is_ready(self.stop, within_s)
        except DemoError as error:
            self.servers.remove(server)
            server.end()
            self.missing.append(f"{what}: {error}")
            return False
        return True

    def _found(self, name: str) -> Sequence[str | Path] | None:
        found = packages.find(name, self.tools, self.stop)
        if isinstance(found, packages.Missing):
            self.missing.append(f"{name.capitalize()}: {found.why}")
            return None
        return found.start

    def _start_exporters(self) -> None:
        self.exporters += [
            exporters.management(self.folder),
            exporters.vmprobe(self.folder),
            exporters.downtime(self.folder, self.alertmanager),
        ]
        if exporters.has_libvirt():
            self.exporters += exporters.hosts(self.folder)
        else:
            self.missing.append("hosts: the extra [hypervisor] is not installed")
        if self.libvirt:
            self.exporters.append(exporters.hypervisor(self.folder, self.libvirt))
        for one in self.exporters:
            self._start(one.server)
