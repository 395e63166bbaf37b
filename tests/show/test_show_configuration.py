"""What the programs of the demo are told, and what is wrong in its cloud; how answers are worded."""

import json
import shutil
import stat
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope.demo.config_writer import write_config
from stratoscope.demo.faults import Faults
from stratoscope.demo.opennebula import states
from stratoscope.demo.openstack.http_errors import BOOT_ERRORS
from stratoscope.demo.openstack.seed import Size, build
from stratoscope.downtime import settings as of_downtime
from stratoscope.management import settings as of_management
from stratoscope.show import alertmanager, asking, clouds, exporters, probes, prometheus
from stratoscope.show.asking import NoAnswerError
from stratoscope.show.queries import QUERIES, TitledQuery, answer, vm_page
from stratoscope.show.servers import Server
from stratoscope.show.terminal import Stop, say, table
from stratoscope.vmprobe import settings as of_vmprobe
from support.demo_one import demo_one_in_thread

RULES = Path(__file__).parents[2] / "prometheus" / "rules"
SHIPPED = Path(__file__).parents[2] / "alertmanager" / "alertmanager.yml"


def checked(*command: str | Path) -> str:
    """What promtool says. Fails if it is not good."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is not installed; `make tools` gets it"
    done = subprocess.run([promtool, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def an_exporter(folder: Path, program: str, port: int, **labels: str) -> Server:
    return Server(program, (), port, folder, program, labels)


def test_prometheus_takes_its_configuration_and_all_rules(tmp_path: Path) -> None:
    rules = prometheus.write_rules(tmp_path, Stop())
    one = an_exporter(tmp_path, "management", 1, cloud="demo")
    document = prometheus.configuration([one], rules, "http://127.0.0.1:2")
    (tmp_path / "prometheus.yml").write_text(json.dumps(document))
    said = checked("check", "config", tmp_path / "prometheus.yml")
    assert f"{rules / 'demo.yml'}\n  SUCCESS: {len(QUERIES)} rules found" in said
    assert f"{rules / 'management.yml'}\n  SUCCESS" in said
    thresholds = (rules / "thresholds.yml").read_text()
    assert '"global:vm_creation_failures:threshold", "expr": "vector(2.0)"' in thresholds


@pytest.mark.parametrize("name", ["t[ab]", "a?b", "back\\slash"])
def test_rules_are_found_below_any_folder(tmp_path: Path, name: str) -> None:
    rules = tmp_path / name
    rules.mkdir()
    (rules / "demo.yml").write_text(json.dumps(prometheus.records()))
    (tmp_path / "prometheus.yml").write_text(json.dumps(prometheus.configuration([], rules, "")))
    said = checked("check", "config", tmp_path / "prometheus.yml")
    assert f"{rules / 'demo.yml'}\n  SUCCESS: {len(QUERIES)} rules found" in said


def test_prometheus_lets_pages_of_no_site_read_it(tmp_path: Path) -> None:
    assert "--web.cors.origin=^$" in prometheus.server(tmp_path, ["prometheus"], {}).words


def test_what_is_said_cannot_change_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("its last lines:\n\x1b]0;title\x07 müde\r")
    table([("a \x1b[2J", "b")])
    assert capsys.readouterr().out == "its last lines:\n\\x1b]0;title\\x07 müde\\r\na \\x1b[2J  b\n"


def test_prometheus_scrapes_all_exporters_by_the_jobs_of_the_rules(tmp_path: Path) -> None:
    two = [an_exporter(tmp_path, "hypervisor", number, host=name) for number, name in enumerate("ab")]
    found = prometheus.configuration(two, tmp_path, "")
    (job,) = found["scrape_configs"]
    assert job["job_name"] == "stratoscope-hypervisor"
    assert [one["labels"]["host"] for one in job["static_configs"]] == ["a", "b"]
    assert found["alerting"] == {"alertmanagers": []}


def rules_of(name: str, interval: str, wait: str) -> dict[str, Any]:
    rules = [{"record": "a", "expr": "b"}, {"alert": "A", "expr": "rate(c[5m])", "for": wait}]
    return {"groups": [{"name": name, "interval": interval, "rules": rules}]}


WAITS = [("1w", "10s"), ("1m30s", "10s"), ("500ms", "0.5s"), ("0s", "0s")]


@pytest.mark.parametrize(("interval", "expected"), [("4m", "5s"), ("3s", "3s"), ("20m", "20m"), ("1m", "5s")])
@pytest.mark.parametrize(("wait", "waits"), WAITS)
def test_groups_and_rates_are_quicker_and_alerts_come_soon(
    interval: str, expected: str, wait: str, waits: str
) -> None:
    (group,) = prometheus.quicker(rules_of("x", interval, wait))["groups"]
    assert group["interval"] == expected
    assert group["rules"] == [
        {"record": "a", "expr": "b"},
        {"alert": "A", "expr": "rate(c[30s])", "for": waits},
    ]


COUNTED = {
    "stratoscope-slo-events": "1m",
    "stratoscope-availability": "1m",
    "stratoscope-availability-days": "4m",
}


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize(("wait", "waits"), WAITS)
def test_alerts_of_records_that_count_their_samples_come_soon_and_nothing_else_changes(
    name: str, wait: str, waits: str
) -> None:
    (group,) = prometheus.quicker(rules_of(name, "4m", wait))["groups"]
    assert group["interval"] == "4m"
    assert group["rules"] == [
        {"record": "a", "expr": "b"},
        {"alert": "A", "expr": "rate(c[5m])", "for": waits},
    ]


def test_records_that_count_their_samples_keep_their_intervals(tmp_path: Path) -> None:
    rules = prometheus.write_rules(tmp_path, Stop())
    texts = [(rules / name).read_text() for name in ("slo.yml", "availability.yml")]
    found = {one["name"]: one["interval"] for text in texts for one in json.loads(text)["groups"]}
    assert {name: interval for name, interval in found.items() if interval != "5s"} == COUNTED


def test_alertmanager_has_the_routes_that_are_shipped_and_notifies_nobody() -> None:
    shipped = yaml.safe_load(SHIPPED.read_text())
    found = alertmanager.quiet(shipped)
    assert found["inhibit_rules"] == shipped["inhibit_rules"]
    assert found["route"]["routes"] == shipped["route"]["routes"]
    assert {name for one in found["receivers"] for name in one} == {"name"}
    assert len(found["receivers"]) == len(shipped["receivers"])


def test_exporters_take_their_configurations(tmp_path: Path) -> None:
    for one in clouds.CLOUDS:
        write_config(one.config(tmp_path), "http://127.0.0.1:1", one.kind.lower())
    both = [("demo", "openstack"), ("demo-one", "opennebula")]
    exporters.of_clouds(tmp_path, "http://127.0.0.1:9093")
    management = of_management.parse(read(tmp_path, "management"), {})
    assert [(one.name, one.kind) for one in by_name(management.clouds)] == both
    assert {"servers", "network_agents"} <= management.management.collectors.keys()
    assert [
        (one.name, one.kind) for one in by_name(of_downtime.parse(read(tmp_path, "downtime"), {}).clouds)
    ] == both
    found = of_vmprobe.parse(read(tmp_path, "vmprobe"), {})
    assert [(probe.cloud, probe.name) for probe in found.probes] == [
        ("demo", "boot-cirros"),
        ("demo", "boot-rocky-9"),
        ("demo-one", "boot-nano"),
    ]
    exporters.of_clouds(tmp_path, "")
    assert "alertmanagers" not in read(tmp_path, "downtime")["downtime"]


def by_name(entries: Iterable[Any]) -> list[Any]:
    return sorted(entries, key=lambda one: one.name)


def test_probes_ask_as_plain_users_whose_credentials_nobody_else_reads(tmp_path: Path) -> None:
    for one in clouds.CLOUDS:
        write_config(one.config(tmp_path), "http://127.0.0.1:1", one.kind.lower())
    exporters.of_clouds(tmp_path, "")
    openstack, opennebula = read(tmp_path, "vmprobe")["clouds"]
    assert openstack["os_cloud"] == "user1"
    credential = Path(opennebula["credentials_file"])
    assert credential.read_text() == "user1:demo"
    assert stat.filemode(credential.stat().st_mode) == "-rw-------"


def read(folder: Path, program: str) -> Any:
    return yaml.safe_load((folder / f"{program}.yml").read_text())


def test_cloud_has_the_host_that_is_down_and_takes_the_fault() -> None:
    world = build(Size(), seed=1, now=0.0)
    down = {one.host for one in world.daemons if one.silent_since is not None}
    assert down == {clouds.DOWN}
    faults = Faults(
        world.silence,
        lambda: [image.name for image in world.images],
        BOOT_ERRORS,
    )
    faults.add([clouds.SILENT, clouds.LOST])
    down = {(one.service, one.host) for one in world.daemons if one.silent_since is not None}
    assert ("network", "cn07") in down
    assert clouds.SILENT["host"] != clouds.DOWN
    assert faults.boot_error("rocky-9") == BOOT_ERRORS["image_lost"]
    assert faults.boot_error("cirros") is None


def test_host_of_the_opennebula_is_emptied_and_offline() -> None:
    with demo_one_in_thread(clouds.OPENNEBULA.vms, clouds.OPENNEBULA.hosts, 4, seed=3) as one:
        assert one.world.hosts[clouds.OFF].vms
        clouds.switch_off(one.url)
        host = one.after(5.0).hosts[clouds.OFF]
        assert (states.of_host(host, one.world.now), host.vms) == (states.OFFLINE, {})
        with pytest.raises(NoAnswerError, match="/nope/RPC2: <ProtocolError"):
            clouds.switch_off(f"{one.url}/nope")


def test_links_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    # Whether the page is there is asked over HTTP, and no Prometheus runs here.
    monkeypatch.setattr(asking, "get", lambda _: b"a page")
    links = [prometheus.link("http://127.0.0.1:9090", query.record) for query in QUERIES]
    assert links[0] == "http://127.0.0.1:9090/graph?g0.expr=zone:full:ratio&g0.tab=1"
    assert max(map(len, links)) <= 80


@pytest.mark.parametrize(
    ("pages", "alerts", "record"),
    [
        (["/classic/alerts", "/graph?g0.expr=a&g0.tab=1"], "/classic/alerts", "/graph?g0.expr=a&g0.tab=1"),
        (["/classic/graph?g0.expr=a&g0.tab=1"], "/api/v1/alerts", "/classic/graph?g0.expr=a&g0.tab=1"),
        (["/alerts", "/graph?g0.expr=a&g0.tab=1"], "/alerts", "/graph?g0.expr=a&g0.tab=1"),
        ([], "/api/v1/alerts", "/api/v1/query?query=a"),
    ],
)
@pytest.mark.parametrize("says_how_to_get_it", [True, False])
def test_prometheus_without_pages_is_asked_for_its_answers(
    monkeypatch: pytest.MonkeyPatch, pages: list[str], alerts: str, record: str, *, says_how_to_get_it: bool
) -> None:
    def get(url: str) -> bytes:
        if url in pages:
            return b"a page"
        if says_how_to_get_it:
            return b"run install-ui.sh"
        raise NoAnswerError(url, "404")

    monkeypatch.setattr(asking, "get", get)  # as above
    assert (prometheus.alerts_page(""), prometheus.link("", "a")) == (alerts, record)


def result(value: float, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [0, str(value)]}


def test_answers_are_shares_hours_and_names_the_largest_first() -> None:
    share = TitledQuery("", "", "", "", "share", ("zone",))
    assert answer(share, [result(0.354, zone="a"), result(1, zone="b")]) == ["b 100 %, a 35 %"]
    hours = TitledQuery("", "", "", "", "hours", ("state",))
    several = [result(hours_, state="x") for hours_ in (0.001, 0.2, 3.25, 0, 26)]
    assert answer(hours, several) == ["x 26.0 h, x 3.2 h, x 12 min, x 4 s, x 0 s"]
    names = TitledQuery("", "", "", "", "none", ("binary", "host"))
    assert answer(names, [result(0, binary="agent", host="n1")] * 7) == [
        ", ".join(["agent on n1"] * 5 + ["2 more"])
    ]
    assert answer(names, []) == ["none"]
    two = [result(0.5, cloud="b", zone="x"), result(0.2, cloud="a", zone="y"), result(1, cloud="b", zone="z")]
    assert answer(share, two) == ["a: y 20 %", "b: z 100 %, x 50 %"]


def test_hosts_of_the_cloud_are_targets_with_their_cloud_and_name(tmp_path: Path) -> None:
    (tmp_path / "hosts" / "cn04").mkdir(parents=True)
    (tmp_path / "hosts" / "cn04" / "hypervisor.yml").write_text("{}")
    (one,) = exporters.of_hosts(tmp_path)
    assert one.labels == {"cloud": "demo", "host": "cn04"}


@pytest.mark.parametrize(
    ("seconds", "said"), [(59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1.0 h")]
)
def test_time_has_the_unit_of_its_size(seconds: int, said: str) -> None:
    hours = TitledQuery("", "", "", "", "hours", ("state",))
    assert answer(hours, [result(seconds / 3600, state="x")]) == [f"x {said}"]


def test_page_of_a_vm_is_that_of_the_dashboard() -> None:
    uid = json.loads((SHIPPED.parents[1] / "grafana" / "dashboards" / "vm.json").read_text())["uid"]
    labels = {"cloud": "demo", "project_id": "p1", "vm_id": "v1"}
    assert vm_page(labels) == f"/d/{uid}?from=now-15m&var-cloud=demo&var-project=p1&var-vm=v1"
    assert vm_page({"vm_id": "v1"}).endswith("?from=now-15m&var-cloud=&var-project=&var-vm=v1")


def test_demo_says_what_the_last_run_with_a_result_found() -> None:
    good = {"outcome": "success", "accepted_s": {"built": 6.62}, "phases": {"deleted": 0.1, "gone": 2.5}}
    said = {"phase": "built", "reason": "image", "blame": "cloud", "message": "Image x is unacceptable"}
    bad = {"outcome": "failed", "failure": said}
    stopped = {"outcome": "interrupted", "failure": None}
    assert probes.verdict([bad, good, stopped]) == (
        "works: the VM ran 6.6 s after it was accepted, and was gone in 2.6 s"
    )
    assert probes.verdict([good, bad]) == (
        "fails in the phase built, reason: image, to blame: the cloud; Image x is unacceptable"
    )
    assert probes.verdict([stopped]) == probes.verdict([]) == "has no result yet"


def test_documentation_says_how_the_faults_of_the_demo_come_back() -> None:
    text = (RULES.parents[1] / "docs" / "demo-cloud.md").read_text(encoding="utf-8")
    for fault in (clouds.SILENT, clouds.LOST):
        assert f"    curl -H \"$J\" -d '{json.dumps(fault)}' 127.0.0.1:10980/demo/faults\n" in text
