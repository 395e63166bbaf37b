"""Who may see and use what: permissions of objects, and the access control list."""

from typing import Final, NamedTuple

from stratoscope.demo.opennebula.directory import Account, Directory
from stratoscope.demo.opennebula.errors import AUTHORIZATION, OneError
from stratoscope.demo.world.models import VM, Flavor, Image, Network, Volume

USE, MANAGE, CREATE = 1, 2, 8
_RIGHTS: Final = {USE: "USE", MANAGE: "MANAGE", CREATE: "CREATE"}
_BITS: Final = {
    "VM": 0x1000000000, "HOST": 0x2000000000, "NET": 0x4000000000, "IMAGE": 0x8000000000,
    "USER": 0x10000000000, "TEMPLATE": 0x20000000000, "GROUP": 0x40000000000, "DATASTORE": 0x100000000000,
    "CLUSTER": 0x200000000000, "DOCUMENT": 0x400000000000, "ZONE": 0x800000000000,
    "SECGROUP": 0x1000000000000,
}  # fmt: skip
_ONE, _GROUP, _ALL = 0x100000000, 0x200000000, 0x400000000
_READER: Final = 2
_OF_READER: Final = ("VM", "HOST", "NET", "IMAGE", "USER", "TEMPLATE", "GROUP", "DATASTORE", "CLUSTER")

Owned = VM | Image | Volume | Network | Flavor


class Permissions(NamedTuple):
    """Of an object: its owner, and whether its group and all others may use it."""

    owner: Account
    group: bool = False
    other: bool = False

    def shown(self) -> dict[str, int]:
        uses = {"OWNER": True, "GROUP": self.group, "OTHER": self.other}
        return {
            f"{who}_{right}": int(may and (right == "U" or (who == "OWNER" and right == "M")))
            for who, may in uses.items()
            for right in "UMA"
        }


class Rule(NamedTuple):
    """Attributes: who: A user's number, or with `is_group` a group's; None for all."""

    who: int | None
    is_group: bool
    kinds: tuple[str, ...]
    rights: int

    def is_of(self, account: Account) -> bool:
        return self.who in (None, account.group.number if self.is_group else account.number)

    def shown(self, number: int) -> dict[str, object]:
        sign = "@" if self.is_group else "#"
        who = "*" if self.who is None else f"{sign}{self.who}"
        bits = _ALL if self.who is None else (_GROUP if self.is_group else _ONE) | self.who
        resource = _ALL | sum(_BITS[kind] for kind in self.kinds)
        rights = "+".join(name for bit, name in _RIGHTS.items() if self.rights & bit)
        return {
            "ID": number,
            "USER": f"{bits:x}",
            "RESOURCE": f"{resource:x}",
            "RIGHTS": f"{self.rights:x}",
            "ZONE": f"{_ALL:x}",
            "STRING": f"{who} {'+'.join(self.kinds)}/* {rights} *",
        }


class Access:
    """Attributes: rules: The access control list, in the order of its numbers."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        created = ("VM", "IMAGE", "TEMPLATE", "DOCUMENT", "SECGROUP")
        self.rules = [
            Rule(1, is_group=True, kinds=created, rights=CREATE),
            Rule(None, is_group=False, kinds=("ZONE",), rights=USE),
            Rule(_READER, is_group=False, kinds=_OF_READER, rights=USE),
        ]
        for number in directory.groups:
            if number >= 100:  # noqa: PLR2004 - as oned makes them for a new group
                self.rules.append(Rule(number, is_group=True, kinds=("HOST",), rights=MANAGE))
                self.rules.append(Rule(number, is_group=True, kinds=("DATASTORE",), rights=USE))

    def grants(self, account: Account, kind: str, right: int = USE) -> bool:
        """Whether an account has a right to all objects of a kind."""
        return account.is_admin or any(
            rule.rights & right and kind in rule.kinds and rule.is_of(account) for rule in self.rules
        )

    def permissions(self, item: Owned) -> Permissions:
        directory = self._directory
        if isinstance(item, VM):
            return Permissions(directory.account(item.user))
        if isinstance(item, Flavor):
            return Permissions(directory.accounts[0], item.is_public, item.is_public)
        if isinstance(item, Volume):
            return Permissions(directory.account(item.user))
        owner = directory.owner(item.project if isinstance(item, Network) else item.owner)
        is_public = item.is_shared if isinstance(item, Network) else item.visibility == "public"
        return Permissions(owner, group=True, other=is_public)

    def may_use(self, account: Account, kind: str, item: Owned) -> bool:
        rights = self.permissions(item)
        return (
            rights.other
            or rights.owner.number == account.number
            or (rights.group and rights.owner.group.number == account.group.number)
            or self.grants(account, kind)
        )

    def check(self, account: Account, kind: str, item: Owned, number: int) -> None:
        """Raises OneError: The account may not use it."""
        if not self.may_use(account, kind, item):
            raise denied(account, f"USE {kind} [{number}]")

    def check_manage(self, account: Account, vm: VM) -> None:
        """Raises OneError: The account may not change a VM."""
        if not account.is_admin and self.permissions(vm).owner.number != account.number:
            raise denied(account, f"MANAGE VM [{vm.serial}]")


def denied(account: Account, *what: str) -> OneError:
    missing = "; ".join(f"Not authorized to perform {one}" for one in what)
    return OneError(AUTHORIZATION, f"User [{account.number}] : {missing}.")
