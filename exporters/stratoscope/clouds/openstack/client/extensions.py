"""Extensions: whether Neutron or Cinder has one. Source: its list of extensions, requested after a 404; any
role.

A 404 alone is not enough: a misconfigured proxy, or an endpoint with a wrong path, returns it for everything.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from stratoscope.clouds.errors import NotThereError
from stratoscope.clouds.openstack.client.api import Api
from stratoscope.clouds.openstack.client.fields import Text
from stratoscope.clouds.openstack.client.listing import Listing
from stratoscope.core.errors import CollectError, LeftOut, LeftOutError


class _Extension(msgspec.Struct, frozen=True):
    alias: Text


_LISTS: Final = {
    "network": Listing("network", "/v2.0/extensions", "extensions", _Extension),
    "block-storage": Listing("block-storage", "/extensions", "extensions", _Extension),
}


@asynccontextmanager
async def extension(api: Api, alias: str, service: str = "network") -> AsyncIterator[None]:
    """The requests inside belong to an extension. Args: alias: "" for none.

    Raises:
        LeftOutError: `absent`: the answer was 404, and the extension is not on the service's list.
        NotThereError: The answer was 404 for another reason.
    """
    try:
        yield
    except NotThereError as error:
        if alias and await lacks(api, alias, service):
            raise LeftOutError(LeftOut.ABSENT, f"{service}: no extension {alias}") from error
        raise


async def lacks(api: Api, alias: str, service: str = "network") -> bool:
    """Whether the service's list of extensions can be read and lacks this one."""
    try:
        loaded, malformed = await api.items(_LISTS[service])
    except (CollectError, LeftOutError):
        return False
    return not malformed and bool(loaded) and alias not in {one.alias for one in loaded}
