"""The page on dashboards for owners names what the tests run."""

import re

import pytest

from support import board_parts
from support.board_values import board
from support.debian import ROOT
from support.label_proxy import PAGE, documented


def test_page_installs_the_version_that_is_tested() -> None:
    script = (ROOT / "scripts/get-go").read_text()
    built = re.search(r"module=(\S+/prom-label-proxy) version=(\S+)\n", script)
    assert built is not None
    assert f"go install {built[1]}@{built[2]}\n" in PAGE.read_text()


def test_each_command_enforces_the_project_and_nothing_weakens_it() -> None:
    for flag in ("-label-value", "-header-name"):
        names = [one.split("=")[0] for one in documented(flag)]
        assert names == ["-label", flag]
        assert "-label=project_id" in documented(flag)


@pytest.mark.parametrize("uid", ["vm", "project"])
def test_variables_of_owners_ask_queries_alone(uid: str) -> None:
    """The proxy does not answer label_values."""
    asked = [one["definition"] for one in board_parts.variables(board(uid)) if one["type"] == "query"]
    assert asked
    assert [one for one in asked if not one.startswith("query_result(")] == []
