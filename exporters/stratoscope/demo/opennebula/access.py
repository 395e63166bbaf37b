"""Who may see and use what: permissions of objects, and the access control list."""

from typing import Final, NamedTuple

from stratoscope.demo.opennebula.directory import Account, Directory
from stratoscope.demo.opennebula.errors import AUTHORIZATION, OneError
from stratoscope.demo.world.models import VM, Flavor, Image, Network, Volume

USE, MANAGE, CREATE = 1, 2, 8
_BITS: Final = {
    "VM": 0x1000000000, "HOST": 0x2000000000, "NET": 0x4000000000, "IMAGE": 0x8000000000,
    "USER": 0x10000000000, "TEMPLATE": 0x20000000000, "GROUP": 0x40000000000, "DATASTORE": 0x100000000000,
    "CLUSTER": 0x200000000000, "ZONE": 0x800000000000,
}  # fmt: skip
_ONE, _GROUP, _ALL = 0x100000000, 0x200000000, 0x400000000
_READER: Final = 2
_OF_READER: Final = tuple(kind for kind in _BITS if kind != "ZONE")

Owned = VM | Image | Volume | Network | Flavor


class Permissions(NamedTuple):
    """Of an object: its owner, and whether its group and all others may use it."""

    owner: Account
    group: bool = False
    other: bool = False

    def shown(self) -> dict[str, int]:
        may = {"OWNER_U": True, "OWNER_M": True, "GROUP_U": self.group, "OTHER_U": self.other}
        names = (f"{who}_{right}" for who in ("OWNER", "GROUP", "OTHER") for right in "UMA")
        return {name: int(may.get(name, False)) for name in names}


class Rule(NamedTuple):
    """Attributes: user, resource: The upper half says what the number in the lower one is: `_ONE`, ..."""

    user: int
    resource: int
    rights: int

    def shown(self, number: int) -> dict[str, object]:
        user, resource, rights = (f"{part:x}" for part in self)
        return {"ID": number, "USER": user, "RESOURCE": resource, "RIGHTS": rights, "ZONE": f"{_ALL:x}"}


class Access:
    """Attributes: directory: Whose; rules: The access control list, in the order of its numbers."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.rules = [
            _rule(_GROUP | 1, CREATE, "VM", "IMAGE", "TEMPLATE"),
            _rule(_ALL, USE, "ZONE"),
            _rule(_ONE | _READER, USE, *_OF_READER),
        ]
        for number in directory.groups:
            if number >= 100:  # noqa: PLR2004 - as oned makes them for a new group
                self.rules.append(_rule(_GROUP | number, MANAGE, "HOST"))
                self.rules.append(_rule(_GROUP | number, USE, "DATASTORE"))

    def grants(self, account: Account, kind: str, right: int = USE) -> bool:
        """Whether an account has a right to all objects of a kind."""
        users = (_ALL, _ONE | account.number, _GROUP | account.group.number)
        return account.is_admin or any(
            rule.rights & right and rule.resource & _BITS[kind] and rule.user in users for rule in self.rules
        )

    def permissions(self, item: Owned) -> Permissions:
        directory = self.directory
        if isinstance(item, VM | Volume):
            return Permissions(directory.account(item.user))
        if isinstance(item, Flavor):
            return Permissions(directory.accounts[0], item.is_public, item.is_public)
        if isinstance(item, Network):
            return Permissions(directory.owner(item.project), group=True, other=item.is_shared)
        return Permissions(directory.owner(item.owner), group=True, other=item.visibility == "public")

    def may_use(self, account: Account, kind: str, item: object) -> bool:
        """Whether an account sees an object, and may use it."""
        if self.grants(account, kind) or item in (account, account.group):
            return True
        if not isinstance(item, Owned):
            return False
        rights = self.permissions(item)
        is_of_group = rights.group and rights.owner.group == account.group
        return rights.other or rights.owner == account or is_of_group

    def check(self, account: Account, kind: str, item: object, number: int) -> None:
        """Raises OneError: The account may not use it."""
        if not self.may_use(account, kind, item):
            raise denied(account, f"USE {kind} [{number}]")


def denied(account: Account, what: str) -> OneError:
    return OneError(AUTHORIZATION, f"User [{account.number}] : Not authorized to perform {what}.")


def _rule(user: int, rights: int, *kinds: str) -> Rule:
    return Rule(user, _ALL | sum(_BITS[kind] for kind in kinds), rights)
