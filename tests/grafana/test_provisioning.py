"""What Grafana is given beside the dashboards, and the page that lists them."""

import json
import re
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
    found = re.findall(r"sed -i 's\|(.+?)\|", DOCS)
    text = (FOLDER / "dashboards/now.json").read_text(encoding="utf-8")
    assert [text.count(one) for one in found] == [3]
