"""The exporters' pages in the documentation: complete and not stale."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from stratoscope.core.metrics import LONGEST, Family
from stratoscope.core.runner import FAMILIES as OF_CORE
from stratoscope.core.web import connections, open_files
from stratoscope.core.web.connections import WITHIN_S
from stratoscope.core.web.listen import MOST
from stratoscope.core.web.scrape import SEND_TIMEOUT_S
from stratoscope.core.web.server import MOST_SCRAPES
from stratoscope.programs import EXPORTERS
from support.declared import FAMILIES

ROOT = Path(__file__).parents[1]
PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in EXPORTERS}
TABLES = {name: page.partition("<!-- metrics -->")[2] for name, page in PAGES.items()}
# Names that no Family declares: core counts these with prometheus_client's objects.
OF_THE_CLIENT = {
    "stratoscope_build_info", "stratoscope_scrape_duration_seconds", "stratoscope_http_requests_total",
    "stratoscope_config_last_reload_successful", "stratoscope_config_last_reload_success_timestamp_seconds",
    "stratoscope_http_connections", "stratoscope_http_connections_limit",
    "stratoscope_http_connections_hung_up_total", "stratoscope_label_values_cut_total",
    "stratoscope_web_config_refused", "stratoscope_web_certificate_expires_timestamp_seconds",
}  # fmt: skip


SHARED = {"cloud": "management", "collector": "hypervisor"}
"""By the word after `stratoscope_`: the page of the families that several exporters have."""


def page_of(family: Family) -> str:
    """An exporter's families begin with its name."""
    word = family.name.split("_")[1]
    return word if word in EXPORTERS else SHARED[word]


def test_names_of_families_are_unique() -> None:
    names = [family.name for family in FAMILIES]
    assert sorted(set(names)) == sorted(names)
    assert len(names) > 200


def test_no_label_is_one_that_prometheus_sets_itself() -> None:
    """It would be `exported_job` to whoever asks Prometheus."""
    assert [family.name for family in FAMILIES if {"instance", "job"} & {*family.labels}] == []


def test_every_family_is_in_the_table_of_its_page_once() -> None:
    wrong = [f.name for f in FAMILIES if TABLES[page_of(f)].count(f"| `{f.name}` |") != 1]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES)
def test_account_of_collectors_is_on_every_page(page: str) -> None:
    assert [family.name for family in OF_CORE if TABLES[page].count(f"| `{family.name}` |") != 1] == []


@pytest.mark.parametrize("page", PAGES)
def test_documentation_names_no_metric_that_the_code_does_not_declare(page: str) -> None:
    known = {family.name for family in FAMILIES} | OF_THE_CLIENT
    named = re.findall(r"\bstratoscope_\w+", PAGES[page])
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in named} - known == set()


def test_every_exporter_can_be_installed_by_its_name_alone() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert {*EXPORTERS} <= {*extras}
    assert [name for name in EXPORTERS if f"stratoscope[{name}]" not in extras["all"]] == []


def test_tables_are_those_of_the_code() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "metrics-docs", "--check"], capture_output=True, check=False
    )
    assert checked.stderr.decode() == ""
    assert checked.returncode == 0


def test_limits_that_the_readme_names_are_those_in_force() -> None:
    rows = (ROOT / "README.md").read_text(encoding="utf-8").partition("| what | bound | then |")[2]
    assert f"| connections | {MOST}, " in rows
    assert f"those connections and {open_files.OTHERS} more" in rows
    assert WITHIN_S["handshake"] == WITHIN_S["headers"]
    assert f"| TLS handshake; head of a request | {WITHIN_S['headers']:g} s each" in rows
    assert f"| between two requests | {WITHIN_S['idle']:g} s |" in rows
    assert f"| reading an answer | {WITHIN_S['reader']:g} s |" in rows
    assert f"| rest of a body | {connections._LINGER_S:g} s |" in rows
    assert f"| scrapes at once | {MOST_SCRAPES} |" in rows
    assert f"| label values | {LONGEST:,} bytes" in rows
    assert WITHIN_S["reader"] == SEND_TIMEOUT_S


@pytest.mark.parametrize(("file", "least"), [("architecture.md", 30), ("walks.md", 20)])
def test_paths_that_the_architecture_names_exist(file: str, least: int) -> None:
    page = (ROOT / "docs" / file).read_text(encoding="utf-8")
    named = {
        path for path in re.findall(r"`([\w./-]+)`", page) if "/" in path or path.endswith((".py", ".toml"))
    }
    package = ROOT / "exporters" / "stratoscope"
    assert {path for path in named if not (package / path).exists() and not (ROOT / path).exists()} == set()
    assert len(named) > least
    assert len(page.splitlines()) <= 150


def test_paths_that_the_glossary_names_exist() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", page))
    assert {path for path in named if not (ROOT / "exporters" / "stratoscope" / path).exists()} == set()
    assert len(named) > 10


@pytest.mark.parametrize(
    "page", ["README.md", *sorted(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md"))]
)
def test_links_lead_to_files_and_headings_that_exist(page: str) -> None:
    path = ROOT / page
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if "://" not in link:
            name, _, heading = link.partition("#")
            target = path.parent / name if name else path
            assert target.exists(), link
            assert not heading or heading in _headings(target.read_text(encoding="utf-8")), link


def test_readme_links_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [one.name for one in (ROOT / "docs").glob("*.md") if f"](docs/{one.name})" not in readme] == []


def _headings(page: str) -> set[str]:
    """As their anchors: lower case, with hyphens for spaces and without punctuation."""
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
