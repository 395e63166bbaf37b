"""The rights that docs/vmprobe-openstack.md asks for are rules of the installed services."""

import json
import re

import pytest
from cloud import inside
from cloud.folder import REPOSITORY

pytestmark = pytest.mark.integration
RULES = """
import importlib, json
services = ("nova.policies", "neutron.conf.policies", "cinder.policies", "glance.policies")
print(json.dumps([one.name for service in services for one in importlib.import_module(service).list_rules()]))
"""
GIVEN_UP = {"os_compute_api:servers:create:forced_host"}
"""Named for older releases."""


def test_each_rule_that_the_docs_name_exists() -> None:
    page = (REPOSITORY / "docs" / "vmprobe-openstack.md").read_text(encoding="utf-8")
    rights = page.partition("## Rights")[2].partition("\n## ")[0]
    shape = r"[`\"]((?:os_compute_api|compute|volume):[\w:-]+|(?:get|create|delete|add)_\w+)[`\"]"
    named = {*re.findall(shape, rights)}
    assert len(named) > 30
    assert named - {*json.loads(inside.run("python3", "-c", RULES))} - GIVEN_UP == set()
