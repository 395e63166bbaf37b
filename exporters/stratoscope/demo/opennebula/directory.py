"""The numbers by which oned knows what the world knows by name: users, groups, clusters, images."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from stratoscope.demo.world.models import Flavor, Host, Image, Network, Pool, Project, User, Volume
from stratoscope.demo.world.seed.identity import SERVICES
from stratoscope.demo.world.world import World

ONEADMIN: Final = "oneadmin"
_ADMIN: Final = "admin"
READER: Final = "reader"
"""A user who sees everything by a rule, and may have few VMs."""
_FIRST: Final = 100
"""The numbers below are those of oned's own clusters, groups and datastores."""


class Group(NamedTuple):
    """Attributes: project: What it is in the world; of oned's own group `users` that of the services."""

    number: int
    name: str
    project: Project


class Account(NamedTuple):
    """A user. Attributes: group: The primary one, which is the only one."""

    number: int
    name: str
    user: User
    group: Group

    @property
    def is_admin(self) -> bool:
        return self.group.number == 0


class Directory:
    """Attributes:
    groups, accounts, hosts, networks, templates: By number.
    clusters: Names by number; cluster_number: the other way round.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        by_name = {one.name: one for one in world.projects}
        ordinary = Group(1, "users", by_name.pop("service"))
        groups = [Group(0, ONEADMIN, by_name.pop(_ADMIN)), ordinary]
        groups += [Group(number, one.name, one) for number, one in enumerate(by_name.values(), _FIRST)]
        self.groups: Mapping[int, Group] = {one.number: one for one in groups}
        of_project = {one.project.id: one for one in groups}
        self.accounts: dict[int, Account] = {}
        people = [one for one in world.users if one.name not in SERVICES]
        for user in sorted(people, key=lambda one: (one.name != _ADMIN, one.name != READER, one.name)):
            number = len(self.accounts) and len(self.accounts) + 1  # 1 is serveradmin
            name = ONEADMIN if user.name == _ADMIN else user.name
            group = ordinary if user.name == READER else of_project[next(iter(user.roles))]
            self.accounts[number] = Account(number, name, user, group)
        self._of_user = {one.user.id: one for one in self.accounts.values()}
        networks = sorted(world.networks, key=lambda one: one.segment)
        self.networks: Mapping[int, Network] = dict(enumerate(networks))
        self.network_number = {one.id: number for number, one in self.networks.items()}
        self.templates: Mapping[int, Flavor] = dict(enumerate(world.flavors.values()))
        self.hosts: Mapping[int, Host] = {host.number - 1: host for host in world.hosts.values()}
        zones = dict.fromkeys(host.zone for host in world.hosts.values())
        self.clusters: Mapping[int, str] = {0: "default", **dict(enumerate(zones, _FIRST))}
        self.cluster_number = {name: number for number, name in self.clusters.items()}
        self._images: dict[str, int] = {}
        self.images()  # numbers those that are there

    def account(self, user: User) -> Account:
        return self._of_user[user.id]

    def owner(self, project: Project) -> Account:
        """Whose a group's networks and images are."""
        return self._of_user[self.world.users_of(project)[0].id]

    def datastore(self, pool: Pool) -> tuple[int, str]:
        """The number and the name of an image datastore."""
        place = self.world.pools.index(pool)
        return (1, "default") if place == 0 else (_FIRST, pool.name)

    def image_number(self, image: Image | Volume) -> int:
        """The number of an image, or of a volume, which is one: in the order in which they are seen."""
        return self._images.setdefault(image.id, len(self._images))

    def images(self) -> Mapping[int, Image | Volume]:
        """All, by number."""
        first = self.world.first_images
        later = [one for one in self.world.images if one not in first]
        return {self.image_number(one): one for one in (*first, *later, *reversed([*self.world.volumes]))}
