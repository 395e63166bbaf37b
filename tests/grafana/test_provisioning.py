"""What Grafana is given beside the dashboards, and the page that lists them."""

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from support.debian import ROOT

FOLDER: Final = ROOT / "grafana"
DOCS: Final = (ROOT / "docs/dashboards.md").read_text(encoding="utf-8")


def provisioned(name: str) -> Any:
    document = yaml.safe_load((FOLDER / "provisioning" / name).read_text(encoding="utf-8"))
    assert document.pop("apiVersion") == 1
    return document


def test_dashboards_are_found_where_the_page_puts_them() -> None:
    (provider,) = provisioned("dashboards/stratoscope.yml")["providers"]
    assert (provider["type"], provider["folder"]) == ("file", "Stratoscope")
    assert f"install -m 644 grafana/dashboards/*.json {provider['options']['path']}/\n" in DOCS


def test_data_source_is_one_that_dashboards_can_choose() -> None:
    (source,) = provisioned("datasources/stratoscope.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert "isDefault" not in source, "Grafana refuses to start with two that are"


def test_nothing_that_grafana_has_is_replaced_by_its_name() -> None:
    """A file is replaced by one of its name, a data source by one of its name or uid."""
    (source,) = provisioned("datasources/stratoscope.yml")["datasources"]
    assert (source["name"], source["uid"]) == ("Stratoscope", "stratoscope")
    installed = {file.name for file in (FOLDER / "provisioning").rglob("*.yml")}
    assert installed == {"stratoscope.yml"}


def test_page_lists_each_dashboard_by_its_title_and_file() -> None:
    listed = dict(re.findall(r"^\| ([^|]+?) \| `([\w.]+\.json)` \|", DOCS, re.MULTILINE))
    files = {file.name: file for file in (FOLDER / "dashboards").glob("*.json")}
    titles = {_title(file): name for name, file in files.items()}
    assert titles.items() <= listed.items()


def _title(file: Path) -> str:
    title: str = json.loads(file.read_text(encoding="utf-8"))["title"]
    return title


def test_address_of_runbooks_is_in_the_front_page_as_the_page_changes_it() -> None:
    (found,) = re.findall(r"sed -i 's\|(.+?)\|.*now\.json", DOCS)
    text = (FOLDER / "dashboards/now.json").read_text(encoding="utf-8")
    assert text.count(found) == 3


def test_commands_of_the_page_install_what_it_says_and_change_no_file_of_the_clone(tmp_path: Path) -> None:
    """In another root, from a copy of what the commands install."""
    root, clone = tmp_path / "root", tmp_path / "clone"
    shutil.copytree(FOLDER, clone / "grafana", ignore=shutil.ignore_patterns("node_modules"))
    for folder in ("dashboards", "datasources"):
        (root / "etc/grafana/provisioning" / folder).mkdir(parents=True)
    commands = re.findall(r"^    ((?:install|sed) .+)$", DOCS, re.MULTILINE)
    script = re.sub(r" (/(?:etc|var)/)", rf" {shlex.quote(str(root))}\1", "\n".join(commands))
    subprocess.run(["/bin/bash", "-euc", script], cwd=clone, check=True)
    installed = root / "var/lib/grafana/dashboards/stratoscope"
    shipped = {file.name: file.read_text(encoding="utf-8") for file in (FOLDER / "dashboards").glob("*.json")}
    assert {file.name for file in installed.iterdir()} == {*shipped}
    changed = {
        file.name for file in installed.iterdir() if file.read_text(encoding="utf-8") != shipped[file.name]
    }
    assert changed == {"now.json"}
    assert '"https://wiki.example.org/runbooks/' in (installed / "now.json").read_text(encoding="utf-8")
    source = (root / "etc/grafana/provisioning/datasources/stratoscope.yml").read_text(encoding="utf-8")
    assert "    url: http://prometheus.example.org:9090\n" in source
    assert (clone / "grafana/dashboards/now.json").read_text(encoding="utf-8") == shipped["now.json"]
