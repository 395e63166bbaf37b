"""The example of Alertmanager's configuration: routes, inhibition and templates, by real Alertmanagers."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
import yaml

from stratoscope.rules import bundle
from support.alertmanagers import RealAlertmanager, unpacked
from support.debian import ROOT
from support.golden import assert_golden

pytestmark = pytest.mark.integration

FOLDER = ROOT / "alertmanager"
CONFIG = FOLDER / "alertmanager.yml"
SUITES = ["bookworm", "trixie", pytest.param("sid", marks=pytest.mark.full)]
RECEIVERS = {"critical": "on-call", "warning": "mail", "info": "nobody"}
ODD = {"StratoscopeWatchdog": "dead-mans-switch", "StratoscopeDowntimeActive": "nobody"}
NOTICES = FOLDER / "tests" / "notification.json"
"""A VM creation that is broken at one probe, and over at another."""


@pytest.fixture(scope="module", params=SUITES)
def tools(request: pytest.FixtureRequest) -> Path:
    return unpacked(request.param)


def amtool(tools: Path, *arguments: str) -> str:
    return subprocess.check_output([tools / "usr/bin/amtool", *arguments], text=True, cwd=FOLDER)


def test_configuration_is_valid(tools: Path) -> None:
    assert "FAILED" not in amtool(tools, "check-config", "alertmanager.yml")


def test_each_alert_reaches_its_receiver(tools: Path) -> None:
    groups = [group for one in bundle.sources().values() for group in one]
    for rule in (rule for group in groups for rule in group.rules if rule.alert):
        expected = ODD.get(rule.alert, RECEIVERS[rule.labels["severity"]])
        labels = [f"{name}={value}" for name, value in {"alertname": rule.alert, **rule.labels}.items()]
        amtool(
            tools,
            "config",
            "routes",
            "test",
            f"--config.file={CONFIG}",
            f"--verify.receivers={expected}",
            *labels,
        )


@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "lab-on-call"), ("warning", "lab"), ("info", "nobody")]
)
def test_alert_of_a_cloud_with_other_operators_reaches_them(
    severity: str, receiver: str, tools: Path
) -> None:
    labels = ["alertname=StratoscopeHostContended", f"severity={severity}", "cloud=lab"]
    amtool(
        tools, "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}",
        *labels,
    )  # fmt: skip


def rendered(name: str, notices: Path, tools: Path) -> str:
    return amtool(
        tools, "template", "render", f"--template.glob={FOLDER}/templates/*.tmpl",
        f'--template.text={{{{ template "stratoscope.{name}" . }}}}', f"--template.data={notices}",
        f"--template.type={'html' if name == 'html' else 'text'}",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["subject", "text", "chat", "html"])
def test_notification_reads_as_the_golden_one(name: str, tools: Path) -> None:
    assert_golden(f"notification.{name}", rendered(name, NOTICES, tools))


@pytest.mark.parametrize("has_password", [False, True])
def test_page_of_any_site_may_silence_all_where_there_is_no_password(
    has_password: bool, tools: Path, tmp_path: Path
) -> None:
    """Why docs/rules.md says who may reach it."""
    users = 'basic_auth_users: {prometheus: "$2b$04$yIQ0dRbjxPBZBSD2NUqLyONWdMMee8KW1NZ15UAZuIzXbxDENEIru"}'
    web = tmp_path / "web.yml"
    web.write_text(users if has_password else "")
    running = RealAlertmanager(tools, tmp_path / "am", f"--web.config.file={web}")
    running.start(is_open=not has_password)
    headers = {"Origin": "http://another.example", "Access-Control-Request-Method": "POST"}
    asked = Request(f"{running.url}/api/v2/silences", headers=headers, method="OPTIONS")  # noqa: S310 - loopback
    try:
        with urlopen(asked, timeout=5) as answer:  # noqa: S310 - loopback
            allowed = answer.headers["Access-Control-Allow-Origin"]
    except HTTPError as error:
        with error:
            allowed = str(error.code)
    finally:
        running.stop()
    assert allowed == ("401" if has_password else "*")


def of_vm(name: str, folder: Path) -> Path:
    """One alert, on a VM that its user has called so."""
    notices = json.loads(NOTICES.read_text(encoding="utf-8"))
    alert, _ = notices["alerts"]
    alert["annotations"] |= {"summary": f"The VM {name} is stuck", "description": f"The VM {name} hangs."}
    file = folder / "notices.json"
    file.write_text(json.dumps({**notices, "alerts": [alert]}))
    return file


@pytest.mark.parametrize("name", ["subject", "text", "chat_subject", "chat", "html"])
def test_name_of_a_vm_is_no_more_than_a_part_of_its_line(name: str, tools: Path, tmp_path: Path) -> None:
    """No line of its own, and it turns no letters round: what makes `stuck` be read as `kcuts`."""
    odd = "\n\u0085\u2028\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    found = rendered(name, of_vm(f"a{odd}b", tmp_path), tools)
    assert "The VM a b is stuck" in found
    assert not {*odd[1:]} & {*found}


@pytest.mark.parametrize("name", ["chat_subject", "chat"])
def test_name_of_a_vm_calls_nobody_into_a_chat_and_is_no_link(name: str, tools: Path, tmp_path: Path) -> None:
    found = rendered(name, of_vm("<!channel> @all [log in](//x) R&D", tmp_path), tools)
    assert "The VM &lt;!channel&gt; @\u200ball [log in]\u200b(//x) R&amp;D is stuck" in found


def test_all_that_a_chat_shows_is_written_for_a_chat() -> None:
    receivers = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["receivers"]
    subject, text = (f'{{{{ template "stratoscope.{name}" . }}}}' for name in ("chat_subject", "chat"))
    chats = [one for receiver in receivers for one in receiver.get("slack_configs", ())]
    assert [(one["title"], one["fallback"], one["text"]) for one in chats] == [(subject, subject, text)] * 2


ODD_NOTICES = {
    "firing": {
        "labels": {"alertname": "DiskFull", "instance": "db1:9100"},
        "annotations": {},
        "startsAt": "2026-11-28T23:50:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
    },
    "resolved": {
        "labels": {"alertname": "StratoscopeHostDown", "severity": "critical", "cloud": "lab", "job": "x"},
        "annotations": {"summary": "The host n1 of lab is down", "description": "d."},
        "startsAt": "2026-11-28T23:50:00Z",
        "endsAt": "2026-11-30T00:10:00Z",
    },
}
"""An alert of other rules, which has nothing that ours have, and one that was over two days later."""


def said(tools: Path, folder: Path, name: str, alerts: list[dict[str, object]]) -> str:
    """What a template makes of alerts, which have no label in common."""
    alerts = [{"generatorURL": "http://p/graph", **one} for one in alerts]
    whole = {"status": alerts[0]["status"], "alerts": alerts, "commonLabels": {}, "commonAnnotations": {}}
    file = folder / "notice.json"
    file.write_text(json.dumps(whole))
    return rendered(name, file, tools)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("subject", "FIRING: DiskFull"),
        (
            "text",
            'FIRING: DiskFull\n  Where:   instance="db1:9100" \n  Since:   2026-11-28 23:50:00 UTC\n  Graph:',
        ),
        ("chat", "*FIRING* DiskFull\n"),
        ("html", "FIRING: DiskFull</h3>"),
    ],
)
def test_alert_of_other_rules_says_what_it_is(name: str, expected: str, tools: Path, tmp_path: Path) -> None:
    found = said(tools, tmp_path, name, [{"status": "firing", **ODD_NOTICES["firing"]}])
    assert expected in found
    assert "To do" not in found
    assert "What to do" not in found


def test_alert_that_lasts_over_midnight_says_its_last_day(tools: Path, tmp_path: Path) -> None:
    found = said(tools, tmp_path, "text", [{"status": "resolved", **ODD_NOTICES["resolved"]}])
    assert 'Where:   cloud="lab" \n  From:    2026-11-28 23:50:00 UTC to 2026-11-30 00:10:00 UTC' in found


@pytest.mark.parametrize("name", ["text", "chat", "html"])
def test_of_many_alerts_the_first_are_told_and_the_others_counted(
    name: str, tools: Path, tmp_path: Path
) -> None:
    alerts = [{"status": status, **one} for status, one in ODD_NOTICES.items()]
    found = said(tools, tmp_path, name, [alerts[0]] * 200 + [alerts[1]])
    assert found.count("DiskFull") == 20
    assert "In all 200 firing, 1 over." in found
    assert "In all" not in said(tools, tmp_path, name, [alerts[0]] * 20)


@pytest.fixture(scope="module")
def inhibiting(tools: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealAlertmanager]:
    """An Alertmanager with the example's routes and inhibition, which notifies nobody."""
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["receivers"] = [{"name": one["name"]} for one in config["receivers"]]
    del config["templates"]
    running = RealAlertmanager(tools, tmp_path_factory.mktemp("am"), config=json.dumps(config))
    running.start()
    try:
        yield running
    finally:
        running.stop()


ACTIVE = "StratoscopeDowntimeActive severity=info cloud=lab"
CASES = {
    "a cloud in downtime": (
        f"{ACTIVE} scope=cloud",
        ["Api cloud=lab", "OnHost cloud=lab host=n1"],
        ["Elsewhere cloud=other", "StratoscopeWatchdog cloud=lab", "Cloudless"],
    ),
    "a host in downtime": (
        f"{ACTIVE} scope=host host=n1",
        ["OnHost cloud=lab host=n1", "OnVM cloud=lab host=n1 vm_id=v1"],
        ["Other cloud=lab host=n2", "Cloud cloud=lab"],
    ),
    "a zone in downtime": (
        f"{ACTIVE} scope=zone zone=a",
        ["In cloud=lab zone=a"],
        ["Other cloud=lab zone=b", "Cloud cloud=lab"],
    ),
    "a project in downtime": (
        f"{ACTIVE} scope=project project_id=p",
        ["Of cloud=lab project_id=p vm_id=v1"],
        ["Other cloud=lab project_id=q", "Cloud cloud=lab"],
    ),
    "a VM in downtime": (
        f"{ACTIVE} scope=vm vm_id=v1",
        ["Of cloud=lab vm_id=v1 host=n1"],
        ["Other cloud=lab vm_id=v2", "Cloud cloud=lab"],
    ),
    "a host that is down": (
        "StratoscopeHostDown severity=critical cloud=lab host=n1",
        [
            "OnVM severity=critical cloud=lab host=n1 vm_id=v1",
            "StratoscopeExporterDown cloud=lab host=n1 job=x",
        ],
        ["Other cloud=lab host=n2", "Cloud cloud=lab"],
    ),
    "a zone that is down": (
        "StratoscopeZoneDown severity=critical cloud=lab zone=a",
        ["StratoscopeHostDown severity=critical cloud=lab zone=a host=n1"],
        [
            "StratoscopeHostDown severity=critical cloud=lab zone=b host=n2",
            "StratoscopeHostGone cloud=lab host=n3",
            "InZone cloud=lab zone=a",
        ],
    ),
    "hosts in no zone that are down or not listed": (
        "StratoscopeZoneDown severity=critical cloud=lab",
        [
            "StratoscopeHostDown severity=critical cloud=lab host=n1",
            "StratoscopeHostGone severity=warning cloud=lab host=n2",
        ],
        [
            "StratoscopeVMStuck severity=critical cloud=lab host=n2",
            "StratoscopeExporterDown cloud=lab host=n2",
        ],
    ),
    "an API that is down": (
        "StratoscopeAPIDown severity=critical cloud=lab service=compute",
        ["StratoscopeCollectorFailing cloud=lab collector=vms", "StratoscopeBudgetExhausted cloud=lab"],
        ["StratoscopeVMCreationBroken cloud=lab", "StratoscopeCollectorFailing cloud=lab host=n1"],
    ),
    "a budget that burns fast": (
        "StratoscopeErrorBudgetBurnsFast severity=critical cloud=lab sloth_id=a",
        ["StratoscopeErrorBudgetBurns severity=warning cloud=lab sloth_id=a"],
        [
            "StratoscopeErrorBudgetBurns severity=warning cloud=lab sloth_id=b",
            "StratoscopeErrorBudgetBurns severity=warning cloud=other sloth_id=a",
        ],
    ),
    "an exporter of one cloud that is down": (
        "StratoscopeExporterDown severity=critical cloud=lab job=y instance=localhost",
        ["StratoscopeCollectorStale cloud=lab job=y instance=localhost"],
        ["StratoscopeCollectorStale cloud=other job=y instance=localhost"],
    ),
    "an exporter of several clouds that is down": (
        "StratoscopeExporterDown severity=critical job=x instance=a",
        ["StratoscopeCollectorStale cloud=lab job=x instance=a"],
        ["StratoscopeReloadFailed job=x instance=b", "StratoscopeHostDown job=x instance=a"],
    ),
    "a critical alert and the warning of its name": (
        "StratoscopeSame severity=critical cloud=lab zone=a",
        ["StratoscopeSame severity=warning cloud=lab zone=a"],
        ["StratoscopeSame severity=warning cloud=lab zone=b", "Another severity=warning cloud=lab zone=a"],
    ),
    "a critical alert of others without our labels": (
        "DiskFull severity=critical instance=a",
        [],
        ["DiskFull severity=warning instance=b"],
    ),
    "an error budget that burns fast": (
        "StratoscopeErrorBudgetBurnsFast severity=critical cloud=lab sloth_id=time",
        ["StratoscopeErrorBudgetBurns severity=warning cloud=lab sloth_id=time"],
        ["StratoscopeErrorBudgetBurns severity=warning cloud=lab sloth_id=success"],
    ),
}
"""What explains, what it inhibits, and what it does not; alerts as amtool takes them."""


@pytest.mark.parametrize("name", CASES)
def test_what_is_explained_is_inhibited_and_nothing_else(name: str, inhibiting: RealAlertmanager) -> None:
    case = name.replace(" ", "-")
    source, *others = (
        one.replace("cloud=lab", f"cloud={case}")
        for part in CASES[name]
        for one in ([part] if isinstance(part, str) else part)
    )
    explained = others[: len(CASES[name][1])]
    for alert in (source, *others):
        inhibiting.amtool("alert", "add", *alert.split(), f"case={case}")
    found = alerts(inhibiting, case, 1 + len(others))
    assert found == {words(one): one in explained for one in (source, *others)}


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_one_fault_on_many_hosts_is_one_notification_in_each_cloud(
    severity: str, inhibiting: RealAlertmanager
) -> None:
    for cloud, host in (("uni", "n1"), ("uni", "n2"), ("lab", "n1")):
        inhibiting.amtool(
            "alert", "add", "StratoscopeFault", f"severity={severity}", f"cloud={cloud}", f"host={host}",
            "case=hosts",
        )  # fmt: skip
    alerts(inhibiting, "hosts", 3 if severity == "critical" else 6)
    with urlopen(f"{inhibiting.url}/api/v2/alerts/groups?filter=severity={severity}") as answer:  # noqa: S310 - loopback
        groups = json.load(answer)
    told = [one["labels"]["cloud"] for one in groups if one["labels"]["alertname"] == "StratoscopeFault"]
    assert sorted(told) == ["lab", "uni"]


def alerts(alertmanager: RealAlertmanager, case: str, number: int) -> dict[frozenset[str], bool]:
    """Whether each alert of a case is inhibited, once that many are there and have been judged."""
    deadline = time.monotonic() + 20
    while True:
        asked = alertmanager.amtool(
            "alert", "query", "--active", "--inhibited", "--unprocessed", "--output=json", f"case={case}"
        )
        found = json.loads(asked)
        if len(found) == number and all(one["status"]["state"] != "unprocessed" for one in found):
            return {
                frozenset(f"{name}={value}" for name, value in one["labels"].items() if name != "case"): bool(
                    one["status"]["inhibitedBy"]
                )
                for one in found
            }
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def words(alert: str) -> frozenset[str]:
    return frozenset(f"alertname={alert}".split())
