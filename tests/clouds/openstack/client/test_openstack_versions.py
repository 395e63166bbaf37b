"""Version documents: which are believed, for how long, and what a bad one costs."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from stratoscope.clouds.errors import ForbiddenError, NotThereError
from stratoscope.clouds.openstack.client.versions import Versions
from stratoscope.core.errors import CollectError, Reason
from support.patience import FAR_S
from support.wheel import Wheel

Document = Mapping[str, Any] | bytes | Exception

OF_NOVA = {"version": {"id": "v2.1", "status": "CURRENT", "version": "2.96", "min_version": "2.1"}}
OF_OLD_NOVA = {"version": {"id": "v2.0", "status": "CURRENT", "version": "", "min_version": ""}}
OF_IRONIC = {
    "name": "OpenStack Ironic API",
    "versions": [{"id": "v1", "status": "CURRENT", "version": "1.93", "min_version": "1.1"}],
    "default_version": {"id": "v1", "status": "CURRENT", "version": "1.93", "min_version": "1.1"},
}
NONE = [
    b"",
    b"<html>",
    b"[]",
    b"{}",
    b'{"versions": []}',
    b'{"version": 3}',
    b'{"version": {}}',
    b"[" * 100_000,
]
REFUSALS = [
    ForbiddenError("compute: versions: answered 403"),
    NotThereError("compute: versions: answered 404"),
]


class Service:
    """Attributes: says: Its version document; asked: How often it was asked for it."""

    def __init__(self, says: Document | None) -> None:
        """Args: says: None for nothing at all: it hangs."""
        self.says = says
        self.asked = 0
        self.wheel = Wheel()
        self.versions = Versions(self.wheel.clock)

    async def _document(self) -> bytes:
        self.asked += 1
        if self.says is None:
            await asyncio.Event().wait()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says if isinstance(self.says, bytes) else json.dumps(self.says).encode()

    async def asked_for(self, service: str = "compute", wanted: str = "2.96") -> str | None:
        """The microversion that it is asked for."""
        headers = await self.versions.headers(service, wanted, self._document)
        return headers.get("OpenStack-API-Version")

    async def reaches(self, wanted: str) -> bool:
        """Whether it knows a microversion."""
        return (await self.versions.known("compute", wanted, self._document)).reaches(wanted)

    async def require(self, oldest: str) -> None:
        (await self.versions.known("compute", oldest, self._document)).require("compute", oldest)

    async def asked_for_at_least(self, oldest: str) -> None:
        """Ask it for nothing older."""
        await self.versions.headers("compute", "2.96", self._document, oldest=oldest)


@pytest.mark.parametrize("body", NONE)
async def test_what_is_no_version_document_is_malformed_and_asked_for_again(body: bytes) -> None:
    service = Service(body)
    for asked in (1, 2):
        with pytest.raises(CollectError, match="compute: versions: ") as caught:
            await service.asked_for()
        assert caught.value.reason is Reason.MALFORMED
        assert service.asked == asked
    service.says = OF_NOVA
    assert await service.asked_for() == "compute 2.96"


@pytest.mark.parametrize("bad", [*NONE, *REFUSALS, CollectError(Reason.UNAVAILABLE, "answered 502")])
async def test_a_known_number_outlives_a_bad_document_which_is_asked_for_again_in_a_minute(
    bad: Document,
) -> None:
    service = Service({"version": {"id": "v2.1", "version": "2.90"}})
    assert await service.asked_for() == "compute 2.90"
    service.wheel.time_s += 3601
    service.says = bad
    assert [await service.asked_for() for _ in range(3)] == ["compute 2.90"] * 3
    assert service.asked == 2
    service.wheel.time_s += 61
    service.says = OF_NOVA
    assert await service.asked_for() == "compute 2.96"
    service.wheel.time_s += 3000
    assert (await service.asked_for(), service.asked) == ("compute 2.96", 3)


async def test_a_document_that_hangs_costs_a_known_number_little_and_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stratoscope.clouds.openstack.client.versions._PATIENCE_S", 0.02)  # 5 s are long
    nova = Service(OF_NOVA)
    assert await nova.asked_for() == "compute 2.96"
    nova.says = None
    nova.wheel.time_s += 3601
    async with asyncio.timeout(FAR_S):
        assert [await nova.asked_for() for _ in range(3)] == ["compute 2.96"] * 3
        assert nova.asked == 2
        nova.wheel.time_s += 61
        assert await nova.asked_for() == "compute 2.96"
    assert nova.asked == 3


async def test_a_document_that_hangs_is_waited_for_where_no_number_is_known() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await Service(None).asked_for()


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_document_that_is_denied_means_no_version_for_a_minute(refusal: Exception) -> None:
    service = Service(refusal)
    assert [await service.asked_for() for _ in range(3)] == [None] * 3
    assert service.asked == 1
    service.wheel.time_s += 61
    service.says = OF_NOVA
    assert await service.asked_for() == "compute 2.96"


async def test_a_denied_document_is_no_reason_to_believe_in_garbage() -> None:
    service = Service(REFUSALS[1])
    await service.asked_for()
    service.wheel.time_s += 61
    service.says = b"<html>"
    with pytest.raises(CollectError):
        await service.asked_for()


@pytest.mark.parametrize("document", [OF_OLD_NOVA, {"versions": [{"id": "v2.0"}]}])
async def test_a_service_that_has_no_microversions_is_believed_for_an_hour(
    document: Mapping[str, Any],
) -> None:
    service = Service(document)
    assert await service.asked_for() is None
    service.wheel.time_s += 3599
    assert (await service.asked_for(), service.asked) == (None, 1)
    service.wheel.time_s += 2
    service.says = OF_NOVA
    assert await service.asked_for() == "compute 2.96"


async def test_a_number_that_was_refused_is_forgotten_whatever_the_document_says_next() -> None:
    service = Service(OF_NOVA)
    await service.asked_for()
    service.versions.forget("compute")
    service.says = b"<html>"
    with pytest.raises(CollectError):
        await service.asked_for()


async def test_a_list_of_several_versions_tells_the_newest_of_the_major_one_that_is_understood() -> None:
    service = Service({"versions": [{"id": "v2.0", "version": ""}, {"id": "v3.0", "version": "3.70"}]})
    assert await service.asked_for("block-storage", "3.62") == "volume 3.62"
    assert await service.asked_for("shared-file-system", "2.65") is None
    assert await Service(OF_IRONIC).asked_for("baremetal", "1.99") == "baremetal 1.93"


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"version": {"id": "v2.1", "version": "2.42"}}, "its newest is 2.42"),
        (OF_OLD_NOVA, "it reports none"),
    ],
)
async def test_a_service_that_is_too_old_is_named_in_one_line(document: Document, told: str) -> None:
    with pytest.raises(CollectError) as caught:
        await Service(document).asked_for_at_least("2.47")
    assert caught.value.reason is Reason.UNAVAILABLE
    assert str(caught.value) == f"compute: too old: microversion 2.47 is needed, and {told}"
    await Service(OF_NOVA).asked_for_at_least("2.47")


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_document_that_is_denied_is_named_and_nobody_is_called_too_old(refusal: Exception) -> None:
    service = Service(refusal)
    for _ in range(2):
        for asked in (
            service.asked_for_at_least("2.47"),
            service.require("2.47"),
        ):
            with pytest.raises(CollectError) as caught:
                await asked
            assert caught.value.reason is Reason.UNAVAILABLE
            assert str(caught.value) == (
                f"compute: microversion 2.47 is needed, and its version document is not to be had ({refusal})"
            )


async def test_a_number_from_before_is_told_when_the_document_is_denied_later() -> None:
    service = Service({"version": {"id": "v2.1", "version": "2.42"}})
    await service.asked_for()
    service.wheel.time_s += 3601
    service.says = REFUSALS[0]
    with pytest.raises(CollectError, match=r"too old: .*, and its newest is 2\.42"):
        await service.asked_for_at_least("2.47")


async def test_which_microversions_a_service_reaches_is_known_with_one_request() -> None:
    service = Service(OF_NOVA)
    assert [await service.reaches(wanted) for wanted in ("2.9", "2.96", "2.97", "2.100")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert service.asked == 1
    assert not await Service(OF_OLD_NOVA).reaches("2.1")


async def test_a_number_without_an_end_is_none() -> None:
    long = {"versions": [{"id": "v2.1", "version": f"2.{'9' * 5_000}"}]}
    assert await Service(long).asked_for() is None
