"""What the demo shows: where there is something to see, and the answers to an operator's questions."""

from collections.abc import Iterator

from stratoscope.core.durations import seconds
from stratoscope.show import alertmanager, exporters, probes, prometheus
from stratoscope.show.asking import NoAnswerError
from stratoscope.show.clouds import CLOUDS, OPENSTACK
from stratoscope.show.events import Event
from stratoscope.show.queries import TitledQuery, asked, said
from stratoscope.show.running import SHIPPED, Running
from stratoscope.show.terminal import say, table


def addresses(running: Running) -> None:
    """Say where to look, and what is not shown."""
    say()
    table(list(_rows(running)))
    for one in running.missing:
        say(f"not shown: {one}")
    say()


def _rows(running: Running) -> Iterator[tuple[str, str]]:
    sizes = " and ".join(f"{one.kind}, {one.vms} VMs on {one.hosts} hosts" for one in CLOUDS)
    yield f"management exporter: embedded {sizes}", f"{running.url('management')}/"
    for host in running.exporters:
        if host.program == "hypervisor":
            is_ours = host.labels["cloud"] == OPENSTACK.name
            whose = f"a host of the {OPENSTACK.kind}" if is_ours else "this machine"
            yield f"hypervisor exporter: {whose}, {host.labels['host']}", f"{host.url}/"
    yield "probe exporter: creates VMs as a user does, and times it", f"{running.url('vmprobe')}/"
    yield "downtime exporter: what is down on purpose", f"{running.url('downtime')}/"
    if running.prometheus:
        yield "Prometheus: which alerts fire", prometheus.alerts_page(running.prometheus)
    if running.alertmanager:
        where, how = alertmanager.page(running.alertmanager)
        yield f"Alertmanager: which alerts are silenced{how}", where
    for cloud, server in zip(CLOUDS, running.servers, strict=False):
        yield f"the embedded {cloud.kind}: POST faults to it, docs/demo-cloud.md", f"{server.url}/demo/faults"
    boards = (SHIPPED / "grafana" / "dashboards").resolve()
    yield "dashboards for a Grafana of yours, docs/dashboards.md", str(boards)
    yield "what each program says", f"{running.folder}/*.log"


def answers(running: Running) -> list[Event]:
    """Say what there is to say now; the questions that have no answer yet are returned as events."""
    say()
    _of_probes(running.url("vmprobe"))
    say("What is down on purpose? The command line has filed a downtime of a host that is down")
    say(f"    {exporters.typed_downtime(running.url('downtime'))}")
    say(f"    {running.downtime_page}")
    left = []
    for query in asked(has_hosts=running.has_hosts) if running.prometheus else ():
        event = _event(running.prometheus, query)
        is_answered = event.has_happened()
        for line in (query.title, *event.more):
            say(line)
        if not is_answered:
            left.append(event)
    say()
    return left


def _of_probes(at: str) -> None:
    often = ", ".join(f"{one['name']} every {seconds(one['interval']):g} s" for one in exporters.PROBES)
    say(f"Can a user get a VM now? Probes: {often}")
    try:
        for what, page in probes.found(at):
            say(f"    {what}")
            say(f"    {page}")
    except NoAnswerError as error:
        say(f"    no answer: {error}")


def _event(at: str, query: TitledQuery) -> Event:
    more: list[str] = []

    def is_answered() -> bool:
        lines, is_final = said(at, query)
        more[:] = [f"    {line}" for line in (*lines, prometheus.link(at, query.record))]
        return is_final

    return Event(query.title, is_answered, f"{at}/api/v1/targets", more=more)
