"""Whether all of a sort are visible, of those whose source tells it."""

from typing import Any

import pytest

from stratoscope.clouds.address_pools import Pools as AddressPools
from stratoscope.clouds.flavors import Flavors as SomeFlavors
from stratoscope.clouds.model import Backends as SomeBackends
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.backends import Backends
from stratoscope.management.subjects.flavors import Flavors
from stratoscope.management.subjects.pools import Pools
from support.pages import rendered

SUBJECTS = [
    (Flavors, SomeFlavors, "flavors"), (Pools, AddressPools, "networks"), (Backends, SomeBackends, "backends")
]  # fmt: skip


def shown(subject: Subject[Any], answer: Any) -> str:
    return rendered(subject.samples(answer), subject.families)


@pytest.mark.parametrize(("subject", "answer", "sort"), SUBJECTS)
@pytest.mark.parametrize(("is_whole", "value"), [(True, 1), (False, 0)])
def test_a_source_that_tells_whether_all_are_visible_is_shown_so(
    subject: type[Subject[Any]], answer: Any, sort: str, *, is_whole: bool, value: int
) -> None:
    page = shown(subject("lab"), answer((), is_whole=is_whole))
    assert f'stratoscope_management_objects_whole{{cloud="lab",sort="{sort}"}} {value}\n' in page


@pytest.mark.parametrize(("subject", "answer", "sort"), SUBJECTS)
def test_a_source_that_does_not_tell_says_nothing(
    subject: type[Subject[Any]], answer: Any, sort: str
) -> None:
    assert sort not in shown(subject("uni"), answer(()))
