"""Keystone: projects and users. Source: see names.py."""

from stratoscope.clouds.abilities import Reader, question
from stratoscope.clouds.model import Projects
from stratoscope.clouds.openstack.identity.by_domain import MOST
from stratoscope.clouds.openstack.identity.names import Names
from stratoscope.core.collector import Every


class Identity(Reader):
    """Keystone's questions."""

    def __init__(self, names: Names) -> None:
        self._names = names

    @question(
        "projects",
        Every(600, 60, 1800),
        cost="3; where Keystone lists one domain's users alone, or the token is for the system, 1 more for "
        f"each domain in turn, at most {MOST}; without the role admin 4",
        role="admin; any other sees the projects it has a role on, and no users",
    )
    async def projects(self) -> Projects:
        return await self._names.read()
