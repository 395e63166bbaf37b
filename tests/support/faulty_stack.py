"""Embedded clouds, all exporters, Alertmanagers and Prometheus: what faults are made in."""

import datetime as dt
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import yaml
from cloud.ports import free_port

from stratoscope.demo.openstack.hypervisors.files import CGROUPS
from stratoscope.rules import bundle
from stratoscope.rules.values import Values
from support import postgresql
from support.alertmanagers import RealAlertmanager, unpacked
from support.certificates import Authority
from support.exporter_process import ExporterProcess
from support.fake_broker import PASSWORD, USER, live_broker
from support.faster_rules import faster, looks_back
from support.live_clouds import LiveCloud, live_clouds
from support.prometheus_process import RealPrometheus, Target
from support.thread_server import pages, wrong_clock

FACTOR: Final = 60
"""By which the durations of rules are divided."""
DAYS: Final = 600
"""By which they are divided for alerts that look at days."""
_OF_DAYS: Final = re.compile("thresholds|management|vmprobe|meta$")
"""The groups of rules that these alerts need."""
SCRAPED_S: Final = 2
_SETTINGS: Final = {"global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"}}
_WATCHED: Final = ("hosts", "full", "refused", "partial", "gone")
"""Clouds of the management exporter, beside `slow`."""
_WITH_EVENTS: Final = "api"
"""Its VMs are listed seldom; no fault is about them."""
_WITH_HOSTS: Final = "layers"
"""A cloud of the management exporter, of which one host has an exporter, too."""
_PROBED: Final = ("creation", "leaky", "skewed", "described")
_CLOUDS: Final = (*_WATCHED, _WITH_EVENTS, "slow", *_PROBED, "limited", "ledger", "off", "spare")
_COLLECTORS: Final = (
    "endpoints", "compute_services", "servers", "migrations", "hypervisors", "inventories", "allocations",
    "flavors",
    "aggregates", "capacity", "projects", "compute_quotas", "network_quotas", "volume_quotas",
    "network_agents", "ports", "floating_ips", "networks", "addresses", "volume_services",
    "volume_backends", "volumes", "images",
)  # fmt: skip
_OFTEN: Final = {"interval": "5s", "timeout": "4s", "max_age": "30s"}
_BUDGET: Final = {"requests_per_second": 100, "timeout": "2s"}
_PROBE: Final = {"flavor": "t1.nano", "image": "cirros", "network": "astronomy-net", "interval": "10s"}
CALENDAR: Final = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{}END:VCALENDAR\r\n"


def event(host: str) -> str:
    """An event of tomorrow's calendar: this host is down for two hours."""
    begin = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    end = begin + dt.timedelta(hours=2)
    moments = {"DTSTAMP": begin, "DTSTART": begin, "DTEND": end}
    lines = [f"{name}:{moment:%Y%m%dT%H%M%SZ}" for name, moment in moments.items()]
    return "\r\n".join(["BEGIN:VEVENT", f"UID:{host}@x", f"SUMMARY:{host}", *lines, "END:VEVENT", ""])


class FaultyStack:
    """All that runs.

    Attributes:
        clouds: By name.
        exporters: By a name of ours.
        alertmanagers: `own`, and two more that only the downtime exporter has.
        ahead: What stands before the third of them.
        prometheus: By the factor by which its rules go faster.
        zones: The time zones of `downtime-zone`.
        pages: What the exporters read beside clouds: calendars, and whether probes pause.
        going: What goes on while a fault lasts, called each second.
        broker: Of the events of the cloud `api`.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self.clouds: Mapping[str, LiveCloud] = stack.enter_context(
            live_clouds(_CLOUDS, with_hosts=[_WITH_HOSTS])
        )
        self.broker = stack.enter_context(live_broker())
        self.pages = stack.enter_context(pages())
        self.pages.texts |= {"/pause": '{"active": false}'} | {
            f"/{name}.ics": CALENDAR.format(event("cn01")) for name in ("late", "unmapped")
        }
        self.alertmanagers = {name: self._alertmanager(name) for name in ("own", "other", "third")}
        self.ahead = stack.enter_context(wrong_clock(self.alertmanagers["third"].url))
        self.zones = folder / "zones"
        (self.zones / "Europe").mkdir(parents=True)
        shutil.copy("/usr/share/zoneinfo/Europe/Berlin", self.zones / "Europe/Ours")
        self._database = stack.enter_context(postgresql.postgresql())
        self.exporters: dict[str, ExporterProcess] = {}
        self._configure()
        self.going: list[Callable[[], object]] = []
        self.short = free_port()
        self.prometheus = {factor: self._prometheus(factor) for factor in (FACTOR, DAYS)}

    def start(self) -> None:
        for one in self.exporters.values():
            self._stack.callback(one.stop)
            one.launch()
        for one in self.exporters.values():
            one.wait()
        for factor, server in self.prometheus.items():
            self._stack.callback(server.stop)
            server.start(f"--query.lookback-delta={looks_back(factor, SCRAPED_S):g}s")

    def rules(self, factor: float, **thresholds: float) -> Mapping[str, Any]:
        """The faster rules."""
        texts = bundle.files(Values(thresholds=thresholds))
        rules = faster(texts, factor, scraped_every_s=SCRAPED_S)
        if factor == DAYS:
            rules["groups"] = [one for one in rules["groups"] if _OF_DAYS.search(one["name"])]
        return rules

    def certify(self, lasts: dt.timedelta) -> None:
        """The exporter with TLS has a certificate that lasts so long."""
        file = self.exporters["management-spare-certified"].certificate
        issued = Authority().issue("server", until=dt.datetime.now(dt.UTC) + lasts)
        half = file.with_suffix(".half")
        half.write_bytes(b"".join(issued))
        half.replace(file)

    def targets(self, *without: str) -> Sequence[Target]:
        """What is scraped."""
        return [
            Target(name.partition("-")[0], one.url, {"cloud": "spare"} if "spare" in name else {})
            for name, one in self.exporters.items()
            if name not in without
        ] + [Target("prometheus", f"http://127.0.0.1:{self.short}")]

    def hold(self, database: Path) -> None:
        """Another program has the lock of a SQLite file, and keeps it."""
        connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._stack.callback(connection.close)
        connection.execute("BEGIN IMMEDIATE")

    def run(self, command: Sequence[str | Path]) -> None:
        """Start a program that ends with the stack."""
        with (self.folder / "programs.log").open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self._stack.callback(process.wait, 20)
        self._stack.callback(process.terminate)

    def _alertmanager(self, name: str) -> RealAlertmanager:
        made = RealAlertmanager(unpacked("trixie"), self.folder / f"alertmanager-{name}")
        self._stack.callback(made.stop)
        return made.start()

    def _add(self, name: str, document: Mapping[str, Any], *, has_tls: bool = False) -> None:
        """Args: name: It begins with the job of the target, which is the exporter's name, or `pair`."""
        kind = name.partition("-")[0].replace("pair", "downtime")
        self.exporters[name] = ExporterProcess(
            kind,
            self.folder / name,
            document,
            has_state=kind in ("vmprobe", "downtime"),
            has_tls=has_tls,
        )

    def _entries(self, *names: str, **keys: Any) -> list[Mapping[str, Any]]:
        return [self.clouds[name].entry(self.folder, budget=_BUDGET, **keys) for name in names]

    def _configure(self) -> None:
        collectors = dict.fromkeys(_COLLECTORS, _OFTEN)
        slow = self.clouds["slow"].entry(self.folder, budget={**_BUDGET, "concurrency": 2})
        secret = self.folder / "broker"
        secret.write_text(f"{USER}:{PASSWORD}")
        events = {"urls": [self.broker.url], "credentials_file": str(secret)}
        watched = [
            *self._entries(*_WATCHED, _WITH_HOSTS),
            *self._entries(_WITH_EVENTS, events=events),
            slow,
        ]
        self._add("management", {"clouds": watched, "management": {"collectors": collectors}})
        for name in ("killed", "old", "untargeted", "misconfigured", "ahead"):
            self._add(f"management-spare-{name}", {"clouds": self._entries("spare")})
        self._add("management-spare-certified", {"clouds": self._entries("spare")}, has_tls=True)
        self.certify(dt.timedelta(days=60))
        self._hypervisor()
        self._probes()
        self._downtimes()

    def _hypervisor(self) -> None:
        """Of libvirt's mock driver, whose VMs stay as they are."""
        file = self.clouds[_WITH_HOSTS].write_host(self.folder / "hosts")
        paths = {"procfs": "proc", "sysfs": "sys", "cgroup": CGROUPS}
        self._add("hypervisor", yaml.safe_load(file.read_text()))
        flags = (f"--path.{name}={file.parent / path}" for name, path in paths.items())
        self.exporters["hypervisor"].flags += flags

    def _probes(self) -> None:
        entries = [
            *({**_PROBE, "name": f"boot{n}", "cloud": "creation"} for n in range(4)),
            {**_PROBE, "name": "left", "cloud": "leaky"},
            *({**_PROBE, "name": f"skewed{n}", "cloud": "skewed"} for n in range(3)),
            *({**_PROBE, "name": name, "cloud": "described"} for name in ("forgotten", "renamed")),
        ]
        section = {"probes": entries, "pause_url": f"{self.pages.url}/pause", "limits": {"vms_at_once": 10}}
        clouds = self._entries(*_PROBED, user="user1")
        self._add("vmprobe", {"clouds": clouds, "vmprobe": section})
        for name, hours in (("limited", 1.0), ("ledger", 24.0)):
            section = {
                "probes": [{**_PROBE, "name": name, "cloud": name}],
                "limits": {"vm_hours_per_day": hours},
            }
            self._add(f"vmprobe-{name}", {"clouds": self._entries(name, user="user1"), "vmprobe": section})

    def _downtimes(self) -> None:
        imports = [
            {
                "name": name,
                "kind": "icalendar",
                "url": f"{self.pages.url}/{name}.ics",
                "interval": "1m",
                "mapping": [{"host": "cn01", "labels": {"cloud": "off", "host": "cn01"}}],
            }
            for name in ("late", "unmapped")
        ]
        urls = {name: self.alertmanagers[name].url for name in ("own", "other")} | {"ahead": self.ahead.url}
        section = {
            "alertmanagers": [{"name": name, "urls": [url]} for name, url in urls.items()],
            "notice": "10s",
            "imports": imports,
            "hosts_off": {"clouds": ["off"], "cap": "20s"},
            "collectors": {"hosts_off": _OFTEN},
        }
        self._add("downtime", {"clouds": self._entries("off"), "downtime": section})
        for name in ("held", "removed", "zone"):
            self._add(f"downtime-{name}", {"downtime": {}})
        self.exporters["downtime-zone"].environment["PYTHONTZPATH"] = str(self.zones)
        secret = self.folder / "password"
        secret.write_text(postgresql.PASSWORD)
        own = {"database": self._database.new_database(), "database_password_file": str(secret)}
        for name in ("leader", "follower"):
            self._add(f"pair-{name}", {"downtime": own})

    def _prometheus(self, factor: float) -> RealPrometheus:
        return RealPrometheus(
            self.folder / f"prometheus-{factor}",
            alertmanager=self.alertmanagers["own"].url,
            rules=self.rules(factor),
            targets=self.targets(),
            settings=_SETTINGS,
        )


@contextmanager
def faulty_stack(folder: Path) -> Iterator[FaultyStack]:
    """It, once all of it is ready."""
    with ExitStack() as stack:
        made = FaultyStack(folder, stack)
        made.start()
        yield made
