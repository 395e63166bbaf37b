"""How users write ids, and how clouds spell them."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stratoscope.clouds.opennebula.cloud import OpenNebula
from stratoscope.clouds.openstack.cloud import OpenStack
from stratoscope.clouds.resources import by_number, by_uuid

ONE = "6f1b8d2e-3c4a-4b5d-9e6f-7a8b9c0d1e2f"
BY_UUID, BY_NUMBER = by_uuid("vms"), by_number("vms")


@given(st.uuids())
def test_uuid_is_spelled_as_openstack_does_however_it_is_written(one: UUID) -> None:
    assert {BY_UUID.spelled(text) for text in (str(one), str(one).upper(), one.hex)} == {str(one)}


@given(st.integers(0, 2**31), st.integers(0, 3))
def test_number_is_spelled_without_zeros_before_it(number: int, zeros: int) -> None:
    assert BY_NUMBER.spelled(f"{number:0{min(10, len(str(number)) + zeros)}}") == str(number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "web-1",
        ONE[:-1],
        f"{ONE}0",
        f"{{{ONE}}}",
        f"urn:uuid:{ONE}",
        f"{ONE}\n",
        ONE.replace("-", "", 1),
        "42",
    ],
)
def test_what_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a UUID"):
        BY_UUID.spelled(text)


@pytest.mark.parametrize("text", ["", "web-1", "-1", "1.0", "٤٢", "4 2", "42\n", "9" * 11, "one-42", ONE])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a number"):
        BY_NUMBER.spelled(text)


@pytest.mark.parametrize(
    ("cloud", "kinds"),
    [
        (OpenStack, {"vms": "servers", "volumes": "volumes", "addresses": "floating_ips"}),
        (OpenNebula, {"vms": "vms", "volumes": "images"}),
    ],
)
def test_each_kind_of_resources_is_listed_by_one_question(
    cloud: type[OpenStack | OpenNebula], kinds: dict[str, str]
) -> None:
    found = [(one.lists.kind, one.name) for one in cloud.questions if one.lists]
    assert sorted(found) == sorted(kinds.items())
