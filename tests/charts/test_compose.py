"""compose.yml: the schema of compose takes it, and each program takes what it is given."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope.core.flags import Flags
from stratoscope.programs import EXPORTERS
from support.debian import ROOT

pytestmark = pytest.mark.charts

FILE = ROOT / "compose.yml"
COMPOSE = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
TOOLS = ROOT / "build/tools/usr/bin"
OURS = {name: SERVICES[name] for name in SERVICES if "build" in SERVICES[name]}
CONFIG = ROOT / "compose/stratoscope.yml"
CLOUDS = ("cloud", "opennebula")


def mounts(service: Any) -> list[list[str]]:
    """Source, target and rights of each."""
    return [one.split(":") for one in service.get("volumes", [])]


def checked(file: Path) -> int:
    command = [
        *(sys.executable, "-m", "check_jsonschema"),
        *("--builtin-schema=vendor.compose-spec", file),
    ]
    return subprocess.run(command, check=False, capture_output=True).returncode


def test_compose_takes_it(tmp_path: Path) -> None:
    assert checked(FILE) == 0
    wrong = tmp_path / "compose.yml"
    wrong.write_text(FILE.read_text().replace("network_mode:", "networkmode:"))
    assert checked(wrong) == 1


def test_what_is_mounted_exists_and_is_read_only() -> None:
    sources = [
        one for service in SERVICES.values() for one in mounts(service) if one[0] not in COMPOSE["volumes"]
    ]
    assert [source for source, *_ in sources if not (ROOT / source).exists()] == []
    assert {rights for *_, rights in sources} == {"ro"}
    assert len(sources) > 7


def test_ports_are_on_loopback_and_in_the_network_that_all_share() -> None:
    ports = [port.split(":") for port in SERVICES["cloud"]["ports"]]
    assert {address for address, *_ in ports} == {"127.0.0.1"}
    assert {outside for _, outside, _ in ports} == {inside for *_, inside in ports}
    others = [one for name, one in SERVICES.items() if name != "cloud"]
    assert {(one["network_mode"], "ports" in one) for one in others} == {("service:cloud", False)}


def test_each_exporter_listens_where_users_and_prometheus_look() -> None:
    jobs = yaml.safe_load((ROOT / "compose/prometheus.yml").read_text())["scrape_configs"]
    scraped = {one["job_name"]: one["static_configs"][0]["targets"] for one in jobs}
    for name in ("management", "vmprobe", "downtime"):
        port = import_module(EXPORTERS[name]).PROGRAM.port
        assert f"--web.listen-address=:{port}" in SERVICES[name]["command"]
        assert f"127.0.0.1:{port}:{port}" in SERVICES["cloud"]["ports"]
        assert scraped[f"stratoscope-{name}"] == [f"127.0.0.1:{port}"]
        assert SERVICES[name]["depends_on"] == {one: {"condition": "service_healthy"} for one in CLOUDS}
    for name in ("vmprobe", "downtime"):  # they keep state, and run as this user
        assert SERVICES[name]["tmpfs"] == ["/var/lib/stratoscope:uid=65534,gid=65534,mode=0700"]


def test_exporters_are_started_with_their_flags_and_configuration(tmp_path: Path) -> None:
    exporters = [name for name in EXPORTERS if name in SERVICES]
    assert exporters == ["downtime", "management", "vmprobe"]
    (tmp_path / "clouds.yaml").write_text(
        yaml.safe_dump({"clouds": {n: {"auth": AUTH} for n in ("admin", "user1")}})
    )
    (tmp_path / "one_auth").write_text("oneadmin:demo")
    config = tmp_path / "stratoscope.yml"
    config.write_text(CONFIG.read_text().replace("/cloud/", f"{tmp_path}/"))
    for name in exporters:
        first, *flags = SERVICES[name]["command"]
        assert first == name == SERVICES[name]["build"]["target"]
        parsed = Flags.parse(import_module(EXPORTERS[name]).PROGRAM, flags)
        assert [f"/etc/stratoscope/{CONFIG.name}"] == [target for _, target, _ in mounts(SERVICES[name])[1:]]
        assert parsed.config_file == Path("/etc/stratoscope") / CONFIG.name
        command = [sys.executable, "-m", "stratoscope", name, f"--config.file={config}", "--config.check"]
        if parsed.storage_path:
            command.append(f"--storage.path={tmp_path / name}")
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


AUTH = {
    "auth_url": "http://127.0.0.1:10980/identity/v3",
    "username": "a",
    "password": "b",
    "project_name": "c",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


def test_prometheus_takes_its_configuration(tmp_path: Path) -> None:
    """With the folder of rules that is mounted there."""
    file = tmp_path / "prometheus.yml"
    folders = {target: source for source, target, _ in mounts(SERVICES["prometheus"])}
    rules = (ROOT / folders["/etc/prometheus/stratoscope"]).resolve()
    file.write_text(
        (ROOT / "compose/prometheus.yml").read_text().replace("/etc/prometheus/stratoscope", str(rules))
    )
    done = subprocess.run(
        [TOOLS / "promtool", "check", "config", file], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len([*rules.glob('*.yml')])} rule files found" in done.stdout


def test_grafana_finds_its_dashboards_and_prometheus() -> None:
    folders = {target: ROOT / source for source, target, _ in mounts(SERVICES["grafana"])}
    provisioning = folders["/etc/grafana/provisioning"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/stratoscope.yml").read_text())["providers"]
    assert [*folders[provider["options"]["path"]].glob("*.json")]
    (source,) = yaml.safe_load((provisioning / "datasources/stratoscope.yml").read_text())["datasources"]
    assert source["url"] == "http://127.0.0.1:9090"


def test_images_of_others_are_of_one_version() -> None:
    images = [one["image"] for one in SERVICES.values() if "image" in one]
    assert len(images) + len(OURS) == len(SERVICES)
    assert [one for one in images if one.rpartition(":")[2] in ("latest", "")] == []


def test_nobody_logs_in_to_grafana() -> None:
    """Its own first user is admin, with the password admin."""
    settings = SERVICES["grafana"]["environment"]
    assert settings["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
    assert settings["GF_AUTH_BASIC_ENABLED"] == "false"
    assert settings["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert settings["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"


def test_no_program_has_a_capability() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
