"""Glance: images, counted and named. Source: /v2/images, once more for those that are hidden.

An administrator sees all; any other those of its own project, the public ones and those shared with it. So
another project's private image tells that all are seen, whatever the administrator's role is called.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from stratoscope.clouds import model
from stratoscope.clouds.abilities import Question
from stratoscope.clouds.openstack.api import Api
from stratoscope.clouds.openstack.counting import Tally, is_anothers, pages
from stratoscope.clouds.openstack.fields import Id, Text
from stratoscope.clouds.openstack.listing import WHOLE_PAGE, Listing
from stratoscope.core.collector import Every


class _Image(msgspec.Struct, frozen=True, gc=False):
    """Attributes: size: Bytes; None until there are data. name: Whatever its owner wrote; None for none."""

    id: Id
    status: Text
    name: Text | None = None
    size: int | None = None
    owner: Id | None = None
    visibility: Text = ""


_IMAGES: Final = Listing("image", "/v2/images", "images", _Image)


class Image:
    """Glance's question."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def questions(self) -> Sequence[Question[model.Images]]:
        return (
            Question(
                "images",
                model.Images,
                self.images,
                Every(300, 60, 900),
                cost="2, and 1 for each further 1,000 images",
                role="admin; any other sees what it may boot",
            ),
        )

    async def images(self) -> model.Images:
        """All images, and how many by state with the bytes that they take; a project is an image's owner.

        Glance lists the newest first; one that is hidden meanwhile is on both lists.
        """
        found: dict[str, model.Image] = {}
        tally, access = Tally("images", is_sized=True), await self._api.access()
        for query in (WHOLE_PAGE, {**WHOLE_PAGE, "os_hidden": "true"}):
            async for listed in pages(self._api, tally, _IMAGES, query):
                for image in listed:
                    is_others = image.visibility == "private" and is_anothers(image.owner, access)
                    tally.add(image.status, image.owner, image.size or 0, is_others=is_others)
                    found[image.id] = _named(image)
        return model.Images(tally.objects(is_whole=access.is_admin), tuple(found.values()))


def _named(image: _Image) -> model.Image:
    return model.Image(image.id, image.name or "", image.owner or "", image.visibility)
