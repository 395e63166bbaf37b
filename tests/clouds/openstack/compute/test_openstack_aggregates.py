"""Host aggregates, those that make no zone among them."""

import pytest

from stratoscope.clouds import model
from stratoscope.clouds.errors import ForbiddenError
from stratoscope.clouds.openstack.compute.aggregates import Aggregates
from stratoscope.core.errors import CollectError, Reason
from support.fake_api import Answer, FakeApi
from support.openstack_answers import answer, spoilt


def nova(aggregates: Answer) -> FakeApi:
    return FakeApi({("compute", "/os-aggregates"): aggregates})


async def test_aggregate_without_a_zone_is_shown_as_those_with_one() -> None:
    aggregates = answer("aggregates")
    aggregates["aggregates"].append(
        {"name": "ssd", "hosts": ["fake1", "fake3", "fake1"], "availability_zone": None, "metadata": {}}
    )
    aggregates["aggregates"].append({"name": "empty", "hosts": [], "metadata": {}})
    read = await Aggregates(nova(aggregates)).read()
    assert read.malformed == 0
    assert {one.name: one.zone for one in read.aggregates} == {
        "az1": "az1", "small": "small", "broken": "broken", "ssd": "", "empty": "",
    }  # fmt: skip
    assert read.aggregates[-2:] == (
        model.Aggregate("ssd", "", ("fake1", "fake3")),
        model.Aggregate("empty", "", ()),
    )


async def test_aggregate_that_makes_no_sense_costs_itself_and_one_odd_field_the_field() -> None:
    read = await Aggregates(nova(spoilt("aggregates", "aggregates", field="name", value=7))).read()
    assert (len(read.aggregates), read.malformed) == (2, 1)
    read = await Aggregates(nova(spoilt("aggregates", "aggregates", field="metadata", value=7))).read()
    assert (len(read.aggregates), read.malformed) == (3, 1)


@pytest.mark.parametrize(("hosts", "malformed"), [(None, 0), (7, 1), (["fake1", 7], 1)], ids=str)
async def test_aggregate_that_does_not_tell_its_hosts_is_not_said_to_have_none(
    hosts: object, malformed: int
) -> None:
    read = await Aggregates(nova(spoilt("aggregates", "aggregates", field="hosts", value=hosts))).read()
    assert (read.aggregates[0].hosts, read.malformed) == (None, malformed)


async def test_no_aggregates_are_none() -> None:
    assert await Aggregates(nova({"aggregates": []})).read() == model.Aggregates(())


@pytest.mark.parametrize("error", [ForbiddenError("403"), CollectError(Reason.UNAVAILABLE, "503")])
async def test_source_that_refuses_or_is_down_says_so(error: Exception) -> None:
    with pytest.raises(type(error)):
        await Aggregates(nova(error)).read()


def test_question_costs_one_request() -> None:
    (question,) = Aggregates.questions()
    assert (question.name, question.answer, question.cost) == ("aggregates", model.Aggregates, "1")
