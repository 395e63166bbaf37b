"""What the demo shows: where to look, what fires, and the answers to an operator's questions."""

import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from stratoscope.demo.show import alertmanager, cloud, downtimes, probes, prometheus
from stratoscope.demo.show.asking import ask
from stratoscope.demo.show.children import Stopped
from stratoscope.demo.show.questions import QUESTIONS, Question, answer
from stratoscope.demo.show.running import Running
from stratoscope.demo.show.terminal import say, table

SEEN_S: Final = 150
"""How long is waited for what there is to see, on a machine that is busy."""
_LOOK_S: Final = 0.5
_FIRES: Final = 'ALERTS{{alertname="{name}",alertstate="firing"}}'
SILENT_AGENT: Final = _FIRES.format(name="StratoscopeServiceDown")
NOISY: Final = 'vm:stratoscope_contention:verdict{cause="noisy_neighbour"}'
HOST_DOWN: Final = "StratoscopeHostDown"
BAD_IMAGE: Final = _FIRES.format(name="StratoscopeProbeMisconfigured")


class Event(NamedTuple):
    """Something that there is to see once it has happened."""

    text: str
    has_happened: Callable[[], bool]


def addresses(running: Running) -> None:
    """Say where to look, and what there is to see."""
    say()
    table(list(_rows(running)))
    for one in running.missing:
        say(f"not shown: {one}")
    say()


def _rows(running: Running) -> Iterator[tuple[str, str]]:
    yield "management exporter: an embedded OpenStack, 200 VMs, 12 hosts", f"{running.url('management')}/"
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
        page = "#/alerts?silenced=true" if has_page else "api/v2/alerts?active=false"
        what = "which alerts are silenced" + ("" if has_page else ", as JSON: Debian's has no page")
        yield f"Alertmanager: {what}", f"{running.alertmanager}/{page}"
    yield "the embedded OpenStack: POST faults to it, docs/demo-cloud.md", f"{running.cloud}/demo/faults"
    yield "dashboards for a Grafana of yours, docs/dashboards.md", str(dashboards())


def dashboards() -> Path:
    """The folder with the dashboards that are shipped."""
    return Path(str(resources.files("stratoscope"))).joinpath("files", "grafana", "dashboards").resolve()


def questions(running: Running) -> list[Question]:
    """Those that somebody answers."""
    if not running.prometheus:
        return []
    has_hosts = any(one.program == "hypervisor" for one in running.exporters)
    return [one for one in QUESTIONS if has_hosts or not one.is_about_hosts]


def events(running: Running) -> list[Event]:
    """What is waited for, in the order in which it happens."""
    found = [
        Event("each probe has created its VM, or failed", lambda: probes.have_run(running.url("vmprobe")))
    ]
    at, asked = running.prometheus, questions(running)
    if at:
        agent = f"StratoscopeServiceDown fires: an agent of {cloud.FAULT['host']} was made to fall silent"
        image = f"StratoscopeProbeMisconfigured fires: an image of {probes.PROBES[1]['name']} is deactivated"
        found += [
            Event("every question has an answer", lambda: all(ask(at, one.name) for one in asked)),
            Event(agent, lambda: bool(ask(at, SILENT_AGENT))),
            Event(image, lambda: bool(ask(at, BAD_IMAGE))),
        ]
    if at and any(one.is_about_hosts for one in asked):
        noisy = "VMs lose CPU time to a noisy neighbour"
        found.append(Event(noisy, lambda: bool(ask(at, NOISY))))
    if at and running.alertmanager:
        found.append(
            Event(
                f"{HOST_DOWN} for {cloud.DOWN} is silenced by the downtime", lambda: host_is_silenced(running)
            )
        )
    return found


def host_is_silenced(running: Running) -> bool:
    """Whether Alertmanager mutes the alert on the host in downtime."""
    return alertmanager.is_silenced(running.alertmanager, HOST_DOWN, cloud.DOWN)


def follow(running: Running, began: float) -> list[str]:
    """Say each event when it happens.

    Args:
        running: What runs.
        began: When the demo began, by the monotonic clock.

    Returns:
        Those that did not happen in time.
    """
    left = events(running)
    deadline = time.monotonic() + SEEN_S
    while left and time.monotonic() < deadline:
        for event in [one for one in left if one.has_happened()]:
            left.remove(event)
            say(f"after {time.monotonic() - began:3.0f} s: {event.text}")
        running.check()
        if left and running.stop.wait(_LOOK_S):
            raise Stopped
    return [event.text for event in left]


def answers(running: Running) -> None:
    """Say what probes found, which downtime there is, and what Prometheus answers."""
    say()
    probes.show(running.url("vmprobe"))
    say("What is down on purpose? The command line has filed a downtime of a host that is down")
    say(f"    {downtimes.typed()}")
    say(f"    {running.downtime_page}")
    for question in questions(running):
        say(question.title)
        say(f"    {answer(question, ask(running.prometheus, question.name))}")
        say(f"    {prometheus.link(running.prometheus, question.name)}")
    say()
