"""Starts the programs of the demo, each once what it needs is there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

from stratoscope.show import alertmanager, exporters, packages, prometheus
from stratoscope.show.clouds import CLOUDS, break_something
from stratoscope.show.processes import Words
from stratoscope.show.servers import Server, end
from stratoscope.show.terminal import DemoError, Stop, say

SHIPPED: Final = Path(str(resources.files("stratoscope"))) / "files"
"""The files for Prometheus, Alertmanager and Grafana."""


@dataclass(slots=True)
class Running:
    """What runs, and where; it is filled while it starts.

    Attributes:
        folder: For all files of the demo.
        tools: Where packages are unpacked.
        stop: Set by a signal.
        servers: All programs that were started, but those that are lost; the clouds first.
        others: The URLs of Prometheus and Alertmanager by name, as far as they run.
        downtime_page: Of the downtime that was filed.
        missing: What is not shown, and why.
        lost: Which of Prometheus and Alertmanager have ended while the demo ran.
    """

    folder: Path
    tools: Path
    stop: Stop
    servers: list[Server] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)
    downtime_page: str = ""
    missing: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def prometheus(self) -> str:
        """Its URL; "" where it does not run."""
        return self.others.get("prometheus", "")

    @property
    def alertmanager(self) -> str:
        """Its URL; "" where it does not run."""
        return self.others.get("alertmanager", "")

    @property
    def exporters(self) -> list[Server]:
        return [one for one in self.servers if one.program]

    @property
    def has_hosts(self) -> bool:
        """Whether there are exporters of hosts."""
        return any(one.program == "hypervisor" for one in self.servers)

    def url(self, program: str) -> str:
        """Of the first exporter of this sub-command."""
        return next(one.url for one in self.exporters if one.program == program)

    def start(self) -> None:
        """Start everything.

        Raises:
            DemoError: Something does not start that the demo cannot do without.
            Stopped: A signal came.
        """
        for one in CLOUDS:
            self._start(one.server(self.folder))
        clouds = self.servers[:]
        of_alertmanager = partial(alertmanager.server, self.folder, shipped=SHIPPED)
        self._start_other("alertmanager", "so no silence", of_alertmanager, alertmanager.START_S)
        for one, server in zip(CLOUDS, clouds, strict=True):
            server.until_it_listens(self.stop)
            server.wait_until(one.config(self.folder).exists, self.stop)
        break_something(*(server.url for server in clouds))
        self._start_exporters()
        self._start_other("prometheus", "so no alert and no answer", self._prometheus, prometheus.START_S)
        for server in self.exporters:
            server.until_it_is_ready(self.stop)
        self.downtime_page = exporters.file_downtime(self.url("downtime"), self.stop)

    def check(self) -> None:
        """See whether all programs live; without Prometheus and Alertmanager the demo goes on, and says so.

        Raises:
            DemoError: Another program has ended.
        """
        for server in self.servers[:]:
            try:
                server.check()
            except DemoError as error:
                if self.others.pop(server.name, None) is None:
                    raise
                self._end(server)
                self.lost.append(server.name)
                say(f"{error}\nthe demo goes on without {server.name}")

    def end(self) -> None:
        """End all, the clouds last: the others depend on them."""
        end(self.servers[len(CLOUDS) :])
        end(self.servers[: len(CLOUDS)])

    def _start(self, server: Server) -> None:
        server.start()
        self.servers.append(server)

    def _end(self, server: Server) -> None:
        self.servers.remove(server)
        end([server])

    def _start_exporters(self) -> None:
        found = exporters.of_clouds(self.folder, self.alertmanager)
        if exporters.has_libvirt():
            found += exporters.of_hosts(self.folder)
            try:
                found.append(exporters.of_this_machine(self.folder, self.stop))
            except DemoError as error:
                self.missing.append(str(error))
        else:
            self.missing.append("hosts: the extra [hypervisor] is not installed")
        for one in found:
            self._start(one)

    def _start_other(self, name: str, without: str, made: Callable[[Words], Server], within_s: float) -> None:
        """Start a program that the demo can do without; if it does not run, that is missing."""
        title = name.capitalize()
        try:
            program = packages.find(name, self.tools, self.stop)
        except DemoError as error:
            self.missing.append(f"{title}: {error}")
            return
        server = made(program)
        self._start(server)
        try:
            server.until_it_is_ready(self.stop, within_s)
            self.others[name] = server.url
        except DemoError as error:
            self._end(server)
            self.missing.append(f"{title}, {without}: {error}")

    def _prometheus(self, program: Words) -> Server:
        rules = prometheus.write_rules(self.folder, self.stop)
        for one in self.exporters:  # from now on they have their ports
            one.until_it_listens(self.stop)
        document = prometheus.configuration(self.exporters, rules, self.alertmanager)
        return prometheus.server(self.folder, program, document)
