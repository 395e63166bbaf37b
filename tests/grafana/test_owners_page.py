"""The page on dashboards for owners names what the tests run."""

import re

from support.debian import ROOT
from support.label_proxy import PAGE, documented


def test_page_installs_the_version_that_is_tested() -> None:
    script = (ROOT / "scripts/get-label-proxy").read_text()
    module, version = (re.search(rf"^{name}=(.+)$", script, re.MULTILINE) for name in ("module", "version"))
    assert module is not None
    assert version is not None
    assert f"go install {module[1]}@{version[1]}\n" in PAGE.read_text()


def test_each_command_enforces_the_project_and_lets_variables_find_names() -> None:
    for flag in ("-label-value", "-header-name"):
        assert {"-label=project_id", "-enable-label-apis"} <= {*documented(flag)}
