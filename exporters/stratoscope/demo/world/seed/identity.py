"""Projects, users and their roles."""

from collections import Counter
from typing import Final
from uuid import NAMESPACE_DNS, uuid5

from stratoscope.demo.world.models import ApplicationCredential, Project, User
from stratoscope.demo.world.seed.catalog import DEFAULT_LIMITS, SUBJECTS
from stratoscope.demo.world.world import World

PASSWORD: Final = "demo"  # noqa: S105 - of a cloud that has nothing to protect
SERVICES: Final = ("nova", "placement", "neutron", "cinder", "glance")
CREDENTIAL_ID: Final = "de300000000000000000000000000001"
"""The application credential of user1."""


def people(world: World, projects: int) -> None:
    """Add `admin`, `reader`, the services' users, `user1` and so on."""
    admin = _project(world, "admin", "Bootstrap project for initializing the cloud.")
    service = _project(world, "service", "")
    _user(world, "admin", admin, "admin")
    _user(world, "reader", admin, "reader")
    for name in SERVICES:
        _user(world, name, service, "admin", "service")
    world.homes += [_project_of_users(world, number) for number in range(1, projects + 1)]
    user1 = next(user for user in world.users if user.name == "user1")
    world.credentials[CREDENTIAL_ID] = ApplicationCredential(
        id=CREDENTIAL_ID, secret=PASSWORD, user=user1, project=world.homes[0], roles=("member",)
    )


def role_id(name: str) -> str:
    """The id of a role, the same in every world."""
    return uuid5(NAMESPACE_DNS, name).hex


def _project(world: World, name: str, description: str) -> Project:
    made = Project(world.dice.hex_id(), name, description, dict(DEFAULT_LIMITS), Counter())
    return world.projects.add(made)


def _project_of_users(world: World, number: int) -> Project:
    turn, place = divmod(number - 1, len(SUBJECTS))
    subject = SUBJECTS[place]
    theirs = _project(world, f"{subject}-{turn + 1}" if turn else subject, f"Project {number}, {subject}")
    for suffix in ("", *"ab"[: world.dice.choice((0, 0, 1, 2))]):
        _user(world, f"user{number}{suffix}", theirs, "member").default_project = theirs
    return theirs


def _user(world: World, name: str, home: Project, *roles: str) -> User:
    return world.add_user(User(world.dice.hex_id(), name, PASSWORD, {home.id: roles}))
