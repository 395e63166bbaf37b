"""Projects and users, from Keystone or its equivalent in other clouds."""

from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import owners
from stratoscope.core.metrics import Family, Labels, Sample
from stratoscope.management.subject import Subject
from stratoscope.management.top_k import MOST

_PREFIX: Final = "stratoscope_management"
INFO = Family(
    f"{_PREFIX}_project_info",
    "The project's name and Keystone domain; always 1.",
    labels=("cloud", "project_id", "project_name", "keystone_domain"),
)
ENABLED = Family(
    f"{_PREFIX}_project_enabled",
    "1 if the project is enabled, else 0; absent if the source does not report it.",
    labels=("cloud", "project_id"),
)
PROJECTS = Family(
    f"{_PREFIX}_projects",
    "Projects that the credential may read; absent while the list is truncated.",
    labels=("cloud",),
)
USER_INFO = Family(
    f"{_PREFIX}_user_info",
    "The user's name and Keystone domain; always 1.",
    labels=("cloud", "user_id", "user_name", "keystone_domain"),
)
USER_ENABLED = Family(
    f"{_PREFIX}_user_enabled",
    "1 if the user is enabled, else 0; absent if the source does not report it.",
    labels=("cloud", "user_id"),
)
USERS = Family(
    f"{_PREFIX}_users",
    "Users, with those beyond the bound; absent if the credential may not read them, and while the list is "
    "truncated.",
    labels=("cloud",),
)
USERS_BEYOND = Family(
    f"{_PREFIX}_users_beyond_bound",
    "Users that are not shown because there are too many; users that own VMs are shown first; 0 if all are "
    "shown.",
    labels=("cloud",),
)
TRUNCATED = Family(
    f"{_PREFIX}_list_truncated",
    "1 if there may be more projects or users than were read, since Keystone truncated its list, lists one "
    "Keystone domain only, or a Keystone domain's users cannot be read; or since the credential may not see "
    "all groups, users or clusters of an OpenNebula; else 0.",
    labels=("cloud", "sort"),
)


class Projects(Subject[owners.Projects]):
    families = (INFO, ENABLED, PROJECTS, USER_INFO, USER_ENABLED, USERS, USERS_BEYOND, TRUNCATED)

    def samples(self, answer: owners.Projects, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        if not answer.truncated.get("projects"):
            yield PROJECTS(len(answer.projects), cloud)
        for project in answer.projects:
            one = cloud.plus(project_id=project.project_id)
            if project.is_enabled is not None:
                yield ENABLED(int(project.is_enabled), one)
            yield INFO(1, one.plus(project_name=project.name, keystone_domain=project.keystone_domain))
        yield from _of_users(answer, cloud)
        for sort, is_truncated in answer.truncated.items():
            if sort != "users" or answer.users is not None:
                yield TRUNCATED(int(is_truncated), cloud.plus(sort=sort))


def _of_users(answer: owners.Projects, cloud: Labels) -> Iterable[Sample]:
    if answer.users is None:
        return
    if not answer.truncated.get("users"):
        yield USERS(len(answer.users), cloud)
        yield USERS_BEYOND(max(0, len(answer.users) - MOST), cloud)
    for user in answer.users[:MOST]:
        yield from _of_user(user, cloud)


def _of_user(user: owners.User, cloud: Labels) -> Iterable[Sample]:
    one = cloud.plus(user_id=user.user_id)
    if user.is_enabled is not None:
        yield USER_ENABLED(int(user.is_enabled), one)
    yield USER_INFO(1, one.plus(user_name=user.name, keystone_domain=user.keystone_domain))
