"""What is to be seen in the demo: each event is said when it comes, and what has not come is said, too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from stratoscope.show import alertmanager, clouds, probes, prometheus
from stratoscope.show.asking import NoAnswerError, ask
from stratoscope.show.queries import asked
from stratoscope.show.running import Running
from stratoscope.show.terminal import Stopped, say

SEEN_S: Final = 150
"""How long is waited for what there is to see, on a machine that is busy."""
LOOK_S: Final = 0.5
_FIRES: Final = 'ALERTS{{alertname="{name}",alertstate="firing"}}'
_OFF: Final = f'cloud="{clouds.OPENNEBULA.name}",host="{clouds.OFF}"'
HOST_DOWN: Final = "StratoscopeHostDown"
SEEN: Final = {
    f"StratoscopeServiceDown fires: an agent of {clouds.SILENT['host']} was made to fall silent": (
        _FIRES.format(name="StratoscopeServiceDown")
    ),
    f"StratoscopeVMCreationBroken fires: the data of the image {clouds.LOST['image']} is lost": (
        _FIRES.format(name="StratoscopeVMCreationBroken")
    ),
    f"{clouds.OFF} of {clouds.OPENNEBULA.name} is OFFLINE, so it has a downtime": (
        f'stratoscope_downtime_active{{scope="host",{_OFF}}} == 1'
    ),
}
"""Queries, by what has happened once they have a result."""
SEEN_ON_HOSTS: Final = {
    "VMs lose CPU time to a noisy neighbour": 'vm:stratoscope_contention:verdict{cause="noisy_neighbour"}'
}
"""The same, where exporters of hosts run."""


@dataclass(slots=True)
class Event:
    """Something that there is to see once it has happened.

    Attributes:
        text: What it is.
        has_happened: Raises NoAnswerError where nobody can say.
        where: Where to look if it does not happen.
        needs: The programs without which nobody can say.
        more: What else is said then; it is known once it has happened.
        no_answer: Why nobody could say when it was last asked.
    """

    text: str
    has_happened: Callable[[], bool]
    where: str
    needs: tuple[str, ...] = ("prometheus",)
    more: list[str] = field(default_factory=list)
    no_answer: str = ""


def events(running: Running) -> list[Event]:
    """What is waited for."""
    of_probes, at = running.url("vmprobe"), running.prometheus
    run = partial(probes.have_run, of_probes)
    found = [Event("each probe has created its VM, or failed", run, f"{of_probes}/", ())]
    if not at:
        return found
    page, targets = prometheus.alerts_page(at), f"{at}/api/v1/targets"
    seen = {**SEEN, **(SEEN_ON_HOSTS if running.has_hosts else {})}
    found.append(Event("every question has an answer", lambda: _all_answer(running), targets))
    found += [Event(text, partial(_has_result, at, query), page) for text, query in seen.items()]
    if running.alertmanager:
        text = f"{HOST_DOWN} for {clouds.DOWN} is silenced by the downtime"
        silenced = partial(alertmanager.is_silenced, running.alertmanager, HOST_DOWN, clouds.DOWN)
        where = alertmanager.page(running.alertmanager)[0]
        found.append(Event(text, silenced, where, ("prometheus", "alertmanager")))
    return found


def _has_result(at: str, query: str) -> bool:
    return bool(ask(at, query))


def _all_answer(running: Running) -> bool:
    return all(ask(running.prometheus, one.record) for one in asked(has_hosts=running.has_hosts))


@dataclass(slots=True)
class Watch:
    """What has not been seen yet. Args: began: When the demo began, by the monotonic clock."""

    running: Running
    began: float
    left: list[Event] = field(default_factory=list)
    _said_no_answer: bool = False

    def follow(self) -> None:
        """Say each event when it happens, for 150 s at most; then what was not seen, and where to look.

        Raises: As `go_on`.
        """
        say(
            "what there is to see is told when it comes, usually within a minute;"
            f" what has not come after {SEEN_S:g} s is named then"
        )
        self.go_on(SEEN_S, to_the_end=False)
        for event in self.left:
            self._say(f"not seen yet: {event.text}; look at {event.where}")
            if event.no_answer:
                say(f"    when it was last asked: {event.no_answer}")
        if self.left:
            say("the demo goes on to look for them")

    def go_on(self, within_s: float, *, to_the_end: bool) -> None:
        """Say each event when it happens: for so long, or until none is left.

        Raises:
            DemoError: A program has ended.
            Stopped: A signal came.
        """
        deadline = time.monotonic() + within_s
        while (to_the_end or self.left) and time.monotonic() < deadline:
            self.running.check()
            self.look()
            if (to_the_end or self.left) and self.running.stop.wait(LOOK_S):
                raise Stopped

    def look(self) -> None:
        """Ask once for each that is left, and say which have happened. Raises as `go_on`."""
        for event in self.left[:]:
            self.running.check()
            if self.running.stop.is_set():
                raise Stopped
            if ended := [name for name in event.needs if name in self.running.lost]:
                self.left.remove(event)
                self._say(f"will not be seen without {' and '.join(ended)}: {event.text}")
            elif self._happened(event):
                self.left.remove(event)
                self._say("\n".join((event.text, *event.more)))
        if not any(event.no_answer for event in self.left):
            self._said_no_answer = False

    def _happened(self, event: Event) -> bool:
        try:
            happened, event.no_answer = event.has_happened(), ""
        except NoAnswerError as error:
            if not self._said_no_answer:
                self._say(f"no answer, so it is asked again: {error}")
            self._said_no_answer = True
            happened, event.no_answer = False, str(error)
        return happened

    def _say(self, what: str) -> None:
        say(f"after {time.monotonic() - self.began:3.0f} s: {what}")
