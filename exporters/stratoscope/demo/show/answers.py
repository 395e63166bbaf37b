"""The answers that the demo shows: what probes found, and what Prometheus says to an operator's queries."""

from dataclasses import dataclass, field
from typing import Final

from stratoscope.core.durations import seconds
from stratoscope.demo.show import downtimes, probes, prometheus
from stratoscope.demo.show.asking import NoAnswerError, ask
from stratoscope.demo.show.queries import QUERIES, WAITING, TitledQuery, answer
from stratoscope.demo.show.running import Running
from stratoscope.demo.show.terminal import say

_RECORDED_S: Final = 3 * prometheus.EVALUATED_EVERY_S
"""Within this time after Prometheus can answer a query, it has recorded its result."""


def queries(running: Running) -> list[TitledQuery]:
    """Those that somebody answers."""
    if not running.prometheus:
        return []
    has_hosts = any(one.program == "hypervisor" for one in running.exporters)
    return [one for one in QUERIES if has_hosts or not one.is_about_hosts]


@dataclass(slots=True)
class Answers:
    """What is answered. Attributes: left: The queries that have no answer yet."""

    running: Running
    left: list[TitledQuery] = field(default_factory=list)

    def show(self) -> None:
        """Say what there is to say now."""
        say()
        self._of_probes()
        say("What is down on purpose? The command line has filed a downtime of a host that is down")
        say(f"    {downtimes.typed(self.running.url('downtime'))}")
        say(f"    {self.running.downtime_page}")
        for query in queries(self.running):
            said, is_final = self._said(query)
            self._show(query, said)
            if not is_final:
                self.left.append(query)
        say()

    def look(self) -> None:
        """Say the answers that have come since."""
        for query in list(self.left) if self.running.prometheus else ():
            said, is_final = self._said(query)
            if is_final:
                self.left.remove(query)
                self._show(query, said)

    def _of_probes(self) -> None:
        often = ", ".join(f"{one['name']} every {seconds(one['interval']):g} s" for one in probes.PROBES)
        say(f"Can a user get a VM now? Probes: {often}")
        try:
            for what, page in probes.found(self.running.url("vmprobe")):
                say(f"    {what}")
                say(f"    {page}")
        except NoAnswerError as error:
            say(f"    no answer: {error}")

    def _show(self, query: TitledQuery, said: str) -> None:
        say(query.title)
        for line in said.split("\n"):
            say(f"    {line}")
        say(f"    {prometheus.link(self.running.prometheus, query.record)}")
        if query is WAITING:
            self._show_vm()

    def _said(self, query: TitledQuery) -> tuple[str, bool]:
        """The answer in words, and whether it is one: Prometheus may not know yet, or not answer."""
        at = self.running.prometheus
        try:
            is_recorded = bool(ask(at, f"count({query.reads} offset {_RECORDED_S}s)"))
            found = ask(at, query.record)
        except NoAnswerError as error:
            return f"no answer: {error.why}", False
        if found or is_recorded:
            return answer(query, found), True
        return f"not yet: Prometheus has {query.reads} since {_RECORDED_S} s at most, or not at all", False

    def _show_vm(self) -> None:
        """The page of a VM that is measured, in a Grafana of the reader's."""
        try:
            found = ask(self.running.prometheus, WAITING.record)
        except NoAnswerError:
            return
        for one in found[:1]:
            say(f"    in your Grafana: {vm_page(one['metric'])}")


def vm_page(labels: dict[str, str]) -> str:
    """The path of the dashboard *One VM* for a VM with these labels."""
    cloud, project, vm = (labels.get(one, "") for one in ("cloud", "project_id", "vm_id"))
    return f"/d/stratoscope-vm?from=now-15m&var-cloud={cloud}&var-project={project}&var-vm={vm}"
