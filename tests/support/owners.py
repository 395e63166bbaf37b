"""Names of projects and users, for readers that only pass them on."""

from collections.abc import Collection, Mapping
from typing import cast

from stratoscope.clouds.openstack.identity.names import Names


class _Owners:
    async def projects(self) -> Mapping[str, str]:
        return {"p1": "physics"}

    async def users(self, owners: Collection[str]) -> Mapping[str, str]:  # noqa: ARG002 - as Names has it
        return {"u1": "ada"}


def owners() -> Names:
    """One project and one user."""
    return cast("Names", _Owners())
