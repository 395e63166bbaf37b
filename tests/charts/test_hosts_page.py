"""docs/hosts.md: configurations, flags, units and the playbook are such as the project takes."""

import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from stratoscope.core.flags import Flags
from stratoscope.core.runner import SUCCESS
from stratoscope.programs import EXPORTERS
from support.debian import ROOT

pytestmark = pytest.mark.charts

PAGE = (ROOT / "docs/hosts.md").read_text()
BLOCKS = re.findall(r"```yaml\n# ([^\n]*)\n(.*?)```", PAGE, re.DOTALL)
CONFIGURATIONS = [text for name, text in BLOCKS if name == "/etc/stratoscope/stratoscope.yml"]
((_, PLAYBOOK),) = [block for block in BLOCKS if block[0].endswith("a playbook")]
(PLAY,) = yaml.safe_load(PLAYBOOK)
AUTH = {
    "auth_url": "https://keystone.example.org/v3",
    "username": "stratoscope",
    "password": "secret",
    "project_name": "monitoring",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}
OF_A_TASK = {"name", "notify"}


def refused(exporter: str, configuration: str, folder: Path) -> str:
    """What the exporter says of the configuration; "" if it takes it."""
    clouds = {"clouds": {name: {"auth": AUTH} for name in ("monitoring", "probe")}}
    (folder / "clouds.yaml").write_text(yaml.safe_dump(clouds))
    file = folder / "stratoscope.yml"
    file.write_text(configuration)
    command = [sys.executable, "-m", "stratoscope", exporter, f"--config.file={file}", "--config.check"]
    if exporter in ("vmprobe", "downtime"):
        command.append(f"--storage.path={folder / exporter}")
    environment = {**os.environ, "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml")}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_exporters_take_one_configuration(tmp_path: Path) -> None:
    of_host, of_machine = CONFIGURATIONS
    assert refused("hypervisor", of_host, tmp_path) == ""
    for exporter in ("management", "vmprobe", "downtime"):
        assert refused(exporter, of_machine, tmp_path) == ""


def test_flags_are_those_of_the_exporter() -> None:
    (line,) = re.findall(r"^    ARGS=(.*)$", PAGE, re.MULTILINE)
    of_playbook = re.findall(r'content: "ARGS=(.*?)\\n"', PLAYBOOK)
    for words in (line, *of_playbook):
        Flags.parse(import_module(EXPORTERS["hypervisor"]).PROGRAM, shlex.split(words))
    assert len(of_playbook) == 1


def test_ports_are_those_of_the_exporters() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE))
    assert rows == {name: str(import_module(path).PROGRAM.port) for name, path in EXPORTERS.items()}


def test_credentials_are_found_by_what_stands_in_the_unit() -> None:
    """The page says to take the `#` away."""
    for exporter in ("management", "vmprobe"):
        unit = (ROOT / f"systemd/stratoscope-{exporter}.service").read_text()
        assert "\n#LoadCredential=clouds.yaml:/etc/openstack/clouds.yaml\n" in unit
        assert "\n#Environment=OS_CLIENT_CONFIG_FILE=%d/clouds.yaml\n" in unit


def test_paths_of_the_unit_are_those_of_the_page() -> None:
    unit = (ROOT / "systemd/stratoscope-hypervisor.service").read_text()
    for path in (
        "/opt/stratoscope/bin/stratoscope",
        "/etc/stratoscope/stratoscope.yml",
        "/etc/default/stratoscope-",
    ):
        assert path in unit
        assert path in PAGE


def test_page_installs_what_it_types() -> None:
    """But for what a Debian with systemd has. The two filters are for those who have them."""
    typed = re.findall(
        r"^    ([a-z][\w/.-]*) ", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE
    )
    of_debian = {"apt-get", "install", "umask", "systemctl", "rm"}
    (packages,) = re.findall(r"^    apt-get install -y (.*)$", PAGE, re.MULTILINE)
    assert {one for one in typed if "/" not in one} - of_debian - {"ufw", "nft"} == {"python3", "curl"}
    assert {"python3-venv", "curl"} <= {*packages.split()}


def test_check_of_the_page_says_why_and_waits_for_the_start() -> None:
    """`systemctl` is back before the exporter listens, and /-/ready is 200 where every collector fails."""
    ready, metrics = re.findall(r"^    curl (.*)$", PAGE, re.MULTILINE)
    assert {"--show-error", "--retry-connrefused"} <= {*ready.split()}
    assert metrics.endswith(f"| grep '^{SUCCESS.name}'")


def test_unit_can_read_what_is_installed_where_root_has_a_strict_umask() -> None:
    assert PAGE.index("    umask 022\n") < PAGE.index("    python3 -m venv /opt/stratoscope\n")
    (task,) = [one for one in PLAY["tasks"] if one["name"] == "The program"]
    assert task["ansible.builtin.pip"]["umask"] == "0022"


def modules(task: dict[str, Any]) -> list[str]:
    return [key for key in task if key not in OF_A_TASK]


def test_each_task_of_the_playbook_has_a_name_and_one_module_of_ansible() -> None:
    """ansible-core is no part of the project's tools: its own check of the syntax was made by hand."""
    tasks = [*PLAY["tasks"], *PLAY["handlers"]]
    assert [task["name"] for task in tasks if len(modules(task)) != 1] == []
    assert {modules(task)[0].rpartition(".")[0] for task in tasks} == {"ansible.builtin"}
    assert {task["notify"] for task in PLAY["tasks"] if "notify" in task} == {
        one["name"] for one in PLAY["handlers"]
    }


def test_playbook_installs_what_the_unit_starts() -> None:
    of = {task["name"]: task[modules(task)[0]] for task in PLAY["tasks"]}
    exporter = PLAY["vars"]["exporter"]
    unit = of["Unit"]["src"].replace("{{ exporter }}", exporter)
    assert (ROOT / unit).exists()
    assert of["The program"]["virtualenv"] == "/opt/stratoscope"
    assert of["Configuration"]["dest"] == "/etc/stratoscope/stratoscope.yml"
    assert of["Flags"]["dest"].replace("{{ exporter }}", exporter) in (ROOT / unit).read_text()
