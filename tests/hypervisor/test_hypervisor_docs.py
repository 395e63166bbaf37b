"""The exporter's page in the documentation: every name of the configuration, and an example that is valid."""

import re
from pathlib import Path

import pytest
import yaml

from stratoscope.hypervisor import PROGRAM
from stratoscope.hypervisor.settings import offers, parse

PAGE = (Path(__file__).parents[2] / "docs" / "hypervisor.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [offer.name for offer in offers()])
def test_every_name_of_the_configuration_is_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_example_of_a_configuration_is_valid() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    settings = parse(yaml.safe_load(example), {flag: default for flag, (default, _) in PROGRAM.flags.items()})
    assert [cloud.name for cloud in settings.clouds] == ["uni", "lab", "far"]
