"""Keystone: projects and users. Source: see names.py."""

from collections.abc import Sequence

from stratoscope.clouds.abilities import Question
from stratoscope.clouds.model import Projects
from stratoscope.clouds.openstack.identity.by_domain import MOST
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.core.collector import Every


class Identity:
    """Keystone's questions."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def questions(self) -> Sequence[Question[Projects]]:
        return (
            Question(
                "projects",
                Projects,
                self._names.read,
                Every(600, 60, 1800),
                cost="3; where Keystone lists one domain's users alone, or the token is for the system, 1 "
                f"more for each domain in turn, at most {MOST}; without the role admin 4",
                role="admin; any other sees the projects it has a role on, and no users",
            ),
        )
