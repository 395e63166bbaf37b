"""Owners of VMs: projects and users, and their quotas. As the answers in model.py."""

from collections.abc import Mapping

import msgspec

from stratoscope.clouds.model import Spread


class Project(msgspec.Struct, frozen=True, gc=False):
    """Attributes: is_enabled: None if the source does not report it."""

    project_id: str
    name: str
    keystone_domain: str
    is_enabled: bool | None


class User(msgspec.Struct, frozen=True, gc=False):
    """Attributes: is_enabled: None if the source does not report it."""

    user_id: str
    name: str
    keystone_domain: str
    is_enabled: bool | None


class Projects(msgspec.Struct, frozen=True):
    """Projects and users.

    Attributes:
        users: Owners of VMs first; None if the credential may not read them.
        truncated: Whether the source truncated the list, or the credential may not see all of it, by sort:
            `projects`, `users`, of OpenNebula also `clusters`, the zones of VMs.
    """

    projects: tuple[Project, ...]
    users: tuple[User, ...] | None
    malformed: int = 0
    truncated: Mapping[str, bool] = {}


class Quota(msgspec.Struct, frozen=True, gc=False):
    """A project's or a user's quota of one resource.

    Attributes:
        project_id, user_id: The other one is "".
        service: `compute`, `network`, `block-storage`.
        resource: As the source spells it: `cores`, `ram`, `floatingip`, `gigabytes`.
        limit: None is unlimited.
        used: None for a limit on each single object (`per_volume_gigabytes`), which nothing uses up.
        in_bytes: Whether limit, used and reserved are bytes; else they are pieces.
    """

    project_id: str
    service: str
    resource: str
    limit: float | None
    used: float | None
    reserved: float | None
    in_bytes: bool
    user_id: str = ""


class Quotas(msgspec.Struct, frozen=True):
    """Attributes: spread: The progress of reading them; None for a source that lists them."""

    quotas: tuple[Quota, ...]
    spread: Spread | None
    malformed: int = 0
