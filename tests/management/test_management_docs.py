"""The exporter's page in the documentation: every name of the configuration, and an example that is valid."""

import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import yaml

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.opennebula.config import OpenNebulaCloud, Publishers
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.openstack.config import Notifications, OpenStackCloud
from stratoscope.clouds.registry import entries
from stratoscope.core.config import decode, known_keys
from stratoscope.management.settings import Management

PAGE = (Path(__file__).parents[2] / "docs" / "management.md").read_text(encoding="utf-8")
QUESTIONS = OpenStack.questions
OF_OPENNEBULA = OpenNebula.questions


@pytest.mark.parametrize("name", ["requests", *(one.name for one in (*QUESTIONS, *OF_OPENNEBULA))])
def test_every_name_of_the_configuration_is_in_the_documentation(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("questions", [QUESTIONS, OF_OPENNEBULA], ids=["openstack", "opennebula"])
def test_names_of_collectors_are_all_different(questions: Sequence[Question]) -> None:
    names = [question.name for question in questions]
    assert sorted(set(names)) == sorted(names)


def test_example_of_a_configuration_is_valid() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    document = yaml.safe_load(example)
    (cloud,) = entries(document, "openstack", OpenStackCloud)
    assert msgspec.structs.asdict(cloud.budget) == msgspec.structs.asdict(OpenStackCloud(name="x").budget)
    own = decode(Management, document["management"], "management")
    known_keys(own.collectors, [question.name for question in QUESTIONS], "management.collectors")


def test_example_of_an_opennebula_is_valid() -> None:
    example, _ = re.findall(r"^    clouds:\n(?:    .*\n)+", PAGE, re.MULTILINE)
    (cloud,) = entries(yaml.safe_load(textwrap.dedent(example)), "opennebula", OpenNebulaCloud)
    assert cloud.endpoint == "https://one.example.org:2633/RPC2"
    default = OpenNebulaCloud("x").endpoint
    assert f"# default: {default};" in example


def test_example_of_events_is_valid_and_names_the_defaults() -> None:
    _, example = re.findall(r"^    clouds:\n(?:    .*\n)+", PAGE, re.MULTILINE)
    document = yaml.safe_load(textwrap.dedent(example))
    (openstack,) = entries(document, "openstack", OpenStackCloud)
    (opennebula,) = entries(document, "opennebula", OpenNebulaCloud)
    default = Notifications(urls=["amqp://x"])
    assert openstack.events is not None
    assert (openstack.events.exchange, openstack.events.topic) == (default.exchange, default.topic)
    assert opennebula.credentials_file  # without one the block does not start
    assert opennebula.events == Publishers(urls=["tcp://one.example.org:2101"])
