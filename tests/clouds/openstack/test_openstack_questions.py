"""What each reader can be asked: told without asking the cloud."""

import pytest

from stratoscope.clouds import address_pools, disagreements, flavors, migrations, model, objects, owners
from stratoscope.clouds.abilities import Question
from stratoscope.clouds.openstack.cloud import OpenStack, fetches, readers
from support.fake_api import FakeApi


def test_questions_have_names_of_their_own() -> None:
    assert [question.name for question in OpenStack.questions] == [
        "endpoints", "compute_services", "servers", "migrations", "hypervisors", "inventories", "allocations",
        "flavors",
        "aggregates", "capacity",
        "projects",
        "compute_quotas", "network_quotas", "volume_quotas",
        "network_agents", "ports", "routers", "floating_ips", "networks", "addresses",
        "volume_services", "volume_backends", "volumes", "snapshots", "backups",
        "images",
        "load_balancer", "baremetal", "dns", "shared_file_system", "orchestration", "container_infra",
        "key_manager",
        "identity",
        "each_router", "each_port", "each_floating_ip", "each_network", "each_subnet", "each_subnet_pool",
        "each_volume", "each_image", "each_keystone_domain", "each_project", "router_agents",
    ]  # fmt: skip


@pytest.mark.parametrize("question", OpenStack.questions, ids=lambda question: question.name)
def test_question_says_what_it_costs_and_who_may_ask_it(question: Question) -> None:
    assert question.cost
    assert question.role
    assert question.is_on is not (question.answer is objects.Each or question.name == "identity")
    assert question.answer in {
        owners.Projects, model.Services, model.HostServices, model.Objects, model.Images, address_pools.Pools,
        model.Backends, owners.Quotas, model.OtherService, objects.Each, model.Endpoints, model.VMs,
        model.Hosts, model.Inventories, migrations.Migrations,
        flavors.Flavors, model.Aggregates, flavors.Capacity, disagreements.Allocations,
    }  # fmt: skip


@pytest.mark.parametrize("question", OpenStack.questions, ids=lambda question: question.name)
def test_request_that_hangs_does_not_make_the_next_refresh_late(question: Question) -> None:
    assert question.every.timeout_s <= question.every.interval_s


def test_each_question_but_the_endpoints_has_a_reader_that_answers_it() -> None:
    api = FakeApi({})
    assert ["endpoints", *fetches(readers(api))] == [question.name for question in OpenStack.questions]
    assert api.calls == []
