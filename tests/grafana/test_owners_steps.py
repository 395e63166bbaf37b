"""The steps by which the page for owners gives an organisation of Grafana its data source and dashboards."""

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from support.debian import ROOT
from support.label_proxy import PAGE

TEXT: Final = PAGE.read_text(encoding="utf-8")


def provisioned(kind: str) -> Any:
    """The only entry of this kind that the page shows."""
    documents = [
        yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    ]
    (entry,) = [entry for one in documents for entry in one.get(kind, [])]
    return entry


def test_files_name_the_organisation_that_the_first_step_has_made() -> None:
    (command,) = re.findall(r"^ +(curl .+/api/orgs)$", TEXT, re.MULTILINE)
    words = shlex.split(command)
    assert list(json.loads(words[words.index("-d") + 1])) == ["name"]
    (answer,) = re.findall(r"`(\{\"message.+?\})`", TEXT)
    made = json.loads(answer)["orgId"]
    assert made != 1, "the first organisation is that of the operators"
    assert [provisioned(kind)["orgId"] for kind in ("datasources", "providers")] == [made, made]
    assert TEXT.index(command) < TEXT.index("    orgId: ")


def test_folder_of_the_provider_has_the_dashboards_of_owners_alone(tmp_path: Path) -> None:
    commands = re.findall(r"^ +(install .+)$", TEXT, re.MULTILINE)
    script = "\n".join(commands).replace(" /var/", f" {tmp_path}/var/")
    subprocess.run(["/bin/bash", "-euc", script], cwd=ROOT, check=True)
    folder = tmp_path / provisioned("providers")["options"]["path"].removeprefix("/")
    assert {file.name for file in folder.iterdir()} == {"vm.json", "project.json"}


def test_operators_provider_neither_has_this_name_nor_this_folder() -> None:
    file = ROOT / "grafana/provisioning/dashboards/stratoscope.yml"
    (operators,) = yaml.safe_load(file.read_text(encoding="utf-8"))["providers"]
    owners = provisioned("providers")
    assert operators["name"] != owners["name"]
    assert operators["options"]["path"] != owners["options"]["path"]
