"""What is to be seen in the demo: each event is said when it comes, and what has not come is said, too."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from stratoscope.demo.show import alertmanager, answers, clouds, probes, prometheus
from stratoscope.demo.show.asking import NoAnswerError, ask
from stratoscope.demo.show.children import Stopped
from stratoscope.demo.show.running import Running
from stratoscope.demo.show.terminal import say

SEEN_S: Final = 150
"""How long is waited for what there is to see, on a machine that is busy."""
LOOK_S: Final = 0.5
_FIRES: Final = 'ALERTS{{alertname="{name}",alertstate="firing"}}'
SILENT_AGENT: Final = _FIRES.format(name="StratoscopeServiceDown")
NOISY: Final = 'vm:stratoscope_contention:verdict{cause="noisy_neighbour"}'
HOST_DOWN: Final = "StratoscopeHostDown"
OFF: Final = (
    f'stratoscope_downtime_active{{scope="host",cloud="{clouds.OPENNEBULA.name}",host="{clouds.OFF}"}} == 1'
)
BROKEN: Final = _FIRES.format(name="StratoscopeVMCreationBroken")


@dataclass(slots=True)
class Event:
    """Something that there is to see once it has happened.

    Attributes:
        text: What it is.
        has_happened: Raises NoAnswerError where nobody can say.
        where: Where to look if it does not happen.
        needs: The programs without which nobody can say.
        no_answer: Why nobody could say when it was last asked.
    """

    text: str
    has_happened: Callable[[], bool]
    where: str
    needs: tuple[str, ...] = ()
    no_answer: str = ""


def events(running: Running) -> list[Event]:
    """What is waited for, in the order in which it happens."""
    of_probes = running.url("vmprobe")
    found = [
        Event("each probe has created its VM, or failed", lambda: probes.have_run(of_probes), f"{of_probes}/")
    ]
    at = running.prometheus
    if not at:
        return found
    alerts, asked = prometheus.alerts_page(at), answers.queries(running)

    def seen(text: str, query: str) -> Event:
        return Event(text, lambda: bool(ask(at, query)), alerts, ("prometheus",))

    found += [
        Event(
            "every question has an answer",
            lambda: all(ask(at, one.record) for one in asked),
            f"{at}/api/v1/targets",
            ("prometheus",),
        ),
        seen(
            f"StratoscopeServiceDown fires: an agent of {clouds.SILENT['host']} was made to fall silent",
            SILENT_AGENT,
        ),
        seen(
            f"StratoscopeVMCreationBroken fires: the data of the image {clouds.LOST['image']} is lost",
            BROKEN,
        ),
        seen(f"{clouds.OFF} of {clouds.OPENNEBULA.name} is OFFLINE, so it has a downtime", OFF),
    ]
    if any(one.is_about_hosts for one in asked):
        found.append(seen("VMs lose CPU time to a noisy neighbour", NOISY))
    if running.alertmanager:
        found.append(
            Event(
                f"{HOST_DOWN} for {clouds.DOWN} is silenced by the downtime",
                lambda: host_is_silenced(running),
                alertmanager.page(running.alertmanager),
                ("prometheus", "alertmanager"),
            )
        )
    return found


def host_is_silenced(running: Running) -> bool:
    """Whether Alertmanager mutes the alert on the host in downtime. Raises NoAnswerError."""
    return alertmanager.is_silenced(running.alertmanager, HOST_DOWN, clouds.DOWN)


@dataclass(slots=True)
class Watch:
    """What has not been seen yet. Args: began: When the demo began, by the monotonic clock."""

    running: Running
    began: float
    left: list[Event] = field(default_factory=list)
    _said_no_answer: bool = False

    def __post_init__(self) -> None:
        self.left = events(self.running)
        say(
            "what there is to see is told when it comes, usually within a minute;"
            f" what has not come after {SEEN_S:g} s is named then"
        )

    def follow(self) -> None:
        """Say each event when it happens, for 150 s at most; then what was not seen, and where to look.

        Raises:
            DemoError: A program has ended.
            Stopped: A signal came.
        """
        deadline = time.monotonic() + SEEN_S
        while self.left and time.monotonic() < deadline:
            self.look()
            if self.left and self.running.stop.wait(LOOK_S):
                raise Stopped
        for event in self.left:
            say(f"{self._after()}: not seen yet: {event.text}; look at {event.where}")
            if event.no_answer:
                say(f"    when it was last asked: {event.no_answer}")
        if self.left:
            say("the demo goes on to look for them")

    def look(self) -> None:
        """Ask once for each that is left, and say which have happened. Raises as `follow`."""
        for event in list(self.left):
            self.running.check()
            if self.running.stop.is_set():
                raise Stopped
            if ended := [name for name in event.needs if name in self.running.lost]:
                self.left.remove(event)
                say(f"{self._after()}: will not be seen without {' and '.join(ended)}: {event.text}")
            elif self._happened(event):
                self.left.remove(event)
                say(f"{self._after()}: {event.text}")
        if not any(event.no_answer for event in self.left):
            self._said_no_answer = False

    def unseen(self) -> list[str]:
        """What was not seen, in words; without what needs a program that has ended."""
        return [event.text for event in self.left]

    def _happened(self, event: Event) -> bool:
        try:
            happened, event.no_answer = event.has_happened(), ""
        except NoAnswerError as error:
            if not self._said_no_answer:
                say(f"{self._after()}: no answer, so it is asked again: {error}")
            self._said_no_answer = True
            happened, event.no_answer = False, str(error)
        return happened

    def _after(self) -> str:
        return f"after {time.monotonic() - self.began:3.0f} s"
