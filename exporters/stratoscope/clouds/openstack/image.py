"""Glance: images, their number and names. Source: /v2/images, read a second time for hidden images.

An administrator sees all; others see public and community images, those of their project, and those shared
with it. So if another project's private image is listed, all are visible, whatever the name of the
administrator's role.

Other projects' community images (since Ocata) are listed only on request: with `visibility=all`, before Stein
with `visibility=community`.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Any, Final

from stratoscope.clouds import model
from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.client.clock import CLOCK, Clock
from stratoscope.clouds.openstack.client.api import Api, BadRequestError
from stratoscope.clouds.openstack.client.counting import Tally, counted_row, is_anothers, orphan, pages
from stratoscope.clouds.openstack.client.fields import Id, Text, moment, size
from stratoscope.clouds.openstack.client.listing import WHOLE_PAGE, Listing, Query
from stratoscope.clouds.orphans import OrphanReason
from stratoscope.core.collector import Every

_ROW: Final = counted_row(
    {"changed": "updated_at"},
    name=Text,
    size=Any,  # in bytes; null until there are data
    owner=Id,
    visibility=Text,
    changed=datetime,
)
_IMAGES: Final = Listing("image", "/v2/images", "images", _ROW)
_ALL: Final = {**WHOLE_PAGE, "visibility": "all"}
_COMMUNITY: Final = {**WHOLE_PAGE, "visibility": "community"}
_WITH_DATA: Final = frozenset({"active", "deactivated"})
_HIDDEN: Final = {"os_hidden": "true"}
_FAILED: Final = "killed"
_WITHOUT_DATA: Final = frozenset({"queued", "saving", "uploading", "importing"})
_UPLOADED_S: Final = 86400.0
"""An image that has been without its data for longer is left behind: its upload failed, or never began."""


class Image(Reader):
    """Glance's question."""

    def __init__(self, api: Api, clock: Clock = CLOCK) -> None:
        self._api, self._clock = api, clock

    @question(
        "images",
        Every(300, 60, 900),
        cost="2, before Stein 5, and 1 for each further 1,000 images",
        role="admin; any other sees what it may boot",
    )
    async def images(self) -> model.Images:
        """All images, and their number and bytes by state; the project is an image's owner.

        Those whose upload failed, or has not ended within a day, are named.
        Glance lists the newest first; an image that is hidden meanwhile is on both lists.
        """
        found: dict[str, model.Image] = {}
        tally, access = Tally("images", is_sized=True, is_named=True), await self._api.access()
        is_whole = access.is_admin
        async for listed in self._lists(tally):
            for image in listed:
                is_whole = is_whole or (image.visibility == "private" and is_anothers(image.owner, access))
                if image.id not in found:
                    tally.add(image.status, image.owner, _bytes(image))
                    if (why := self._reason(image)) is not None:
                        tally.name(orphan(image, image.name, image.owner, why))
                found[image.id] = model.Image(
                    image.id, image.name or "", image.owner or "", image.visibility or ""
                )
        return model.Images(tally.objects(is_whole=is_whole), tuple(found.values()))

    async def _lists(self, tally: Tally) -> AsyncGenerator[list[Any], None]:
        """The pages of all lists; a Glance that is too old for a query answers 400."""
        try:
            async for listed in pages(self._api, tally, _IMAGES, _ALL):
                yield listed
            queries: Sequence[Query] = [_ALL | _HIDDEN]
        except BadRequestError:
            queries = [WHOLE_PAGE, WHOLE_PAGE | _HIDDEN, _COMMUNITY, _COMMUNITY | _HIDDEN]
        for query in queries:
            try:
                async for listed in pages(self._api, tally, _IMAGES, query):
                    yield listed
            except BadRequestError:
                if "visibility" not in query:
                    raise

    def _reason(self, image: Any) -> OrphanReason | None:
        if image.status == _FAILED:
            return OrphanReason.ERROR
        changed = moment(image.changed)
        is_old = changed is not None and self._clock.now() - changed > _UPLOADED_S
        return OrphanReason.NO_DATA if is_old and image.status in _WITHOUT_DATA else None


def _bytes(image: Any) -> int | None:
    """Bytes of an image: 0 until its data are uploaded; None if unknown."""
    return 0 if image.size is None and image.status not in _WITH_DATA else size(image.size, 1)
