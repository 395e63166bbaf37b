"""What each reader can be asked: told without asking the cloud."""

from collections.abc import Sequence
from typing import Any

import pytest

from stratoscope.clouds import model, objects
from stratoscope.clouds.abilities import Question
from stratoscope.clouds.openstack.each.all import EachObject
from stratoscope.clouds.openstack.extras.all import Extras
from stratoscope.clouds.openstack.extras.keystone import Keystone
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.clouds.openstack.identity.projects import Identity
from stratoscope.clouds.openstack.image import Image
from stratoscope.clouds.openstack.network.addresses import Addresses
from stratoscope.clouds.openstack.network.objects import Network
from stratoscope.clouds.openstack.quotas import ProjectQuotas
from stratoscope.clouds.openstack.volume import Volume
from support.fake_api import FakeApi


def questions() -> Sequence[Question[Any]]:
    api = FakeApi({})
    names = Names(api)
    readers = (
        Identity(names), Network(api), Addresses(api), Volume(api), Image(api), ProjectQuotas(api, names),
        Extras(api), Keystone(api), EachObject(api),
    )  # fmt: skip
    asked: list[Question[Any]] = [question for reader in readers for question in reader.questions()]
    assert api.calls == []
    return asked


def test_questions_have_names_of_their_own() -> None:
    assert [question.name for question in questions()] == [
        "projects",
        "network_agents", "ports", "routers", "floating_ips", "networks", "addresses",
        "volume_services", "volume_backends", "volumes", "snapshots", "backups",
        "images",
        "compute_quotas", "network_quotas", "volume_quotas",
        "load_balancer", "baremetal", "dns", "shared_file_system", "orchestration", "container_infra",
        "key_manager",
        "identity",
        "each_router", "each_port", "each_floating_ip", "each_network", "each_subnet", "each_subnet_pool",
        "each_volume", "each_image", "each_keystone_domain", "each_project", "router_agents",
    ]  # fmt: skip


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_question_says_what_it_costs_and_who_may_ask_it(question: Question[Any]) -> None:
    assert question.cost
    assert question.role
    assert question.is_on is not (question.answer is objects.Each or question.name == "identity")
    assert question.answer in {
        model.Projects, model.Services, model.Objects, model.Images, model.Pools, model.Backends,
        model.Quotas, model.Extra, objects.Each,
    }  # fmt: skip


@pytest.mark.parametrize("question", questions(), ids=lambda question: question.name)
def test_request_that_hangs_does_not_make_the_next_refresh_late(question: Question[Any]) -> None:
    assert question.every.timeout_s <= question.every.interval_s
