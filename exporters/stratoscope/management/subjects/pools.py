"""Addresses of networks and their subnets, total and used."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from stratoscope.clouds import address_pools
from stratoscope.clouds.sums import whole_sum
from stratoscope.core.metrics import Family, Labels, Sample, optional_samples
from stratoscope.management.subject import Subject
from stratoscope.management.subjects.objects import WHOLE, whole

_PREFIX: Final = "stratoscope_management"
_SUBNET: Final = ("cloud", "subnet_id")
_NETWORK: Final = ("cloud", "network_id", "ip_version")
SUBNET = Family(
    f"{_PREFIX}_subnet_addresses",
    "Addresses that the subnet can allocate (total_ips); absent if unknown.",
    labels=_SUBNET,
)
SUBNET_USED = Family(
    f"{_PREFIX}_subnet_addresses_used",
    "Addresses of the subnet that are in use (used_ips); absent if unknown.",
    labels=_SUBNET,
)
SUBNET_INFO = Family(
    f"{_PREFIX}_subnet_info",
    "The subnet's name, network and prefix; always 1.",
    labels=(*_SUBNET, "subnet_name", "network_id", "project_id", "ip_version", "cidr"),
)
NETWORK = Family(
    f"{_PREFIX}_network_addresses",
    "Addresses that the network's subnets can allocate, by IP version; absent if one subnet's are unknown.",
    labels=_NETWORK,
)
NETWORK_USED = Family(
    f"{_PREFIX}_network_addresses_used",
    "Addresses of the network's subnets that are in use, by IP version; absent if one subnet's are unknown.",
    labels=_NETWORK,
)
NETWORK_INFO = Family(
    f"{_PREFIX}_network_info",
    "The network's name, and whether it is external: it has floating IPs, or is of OpenNebula's group "
    "oneadmin; external is empty if unknown; always 1.",
    labels=("cloud", "network_id", "network_name", "external"),
)


class Pools(Subject[address_pools.Pools]):
    families = (SUBNET, SUBNET_USED, SUBNET_INFO, NETWORK, NETWORK_USED, NETWORK_INFO, WHOLE)

    def samples(self, answer: address_pools.Pools, /) -> Iterable[Sample]:
        cloud = Labels(cloud=self._cloud)
        by_network: defaultdict[str, list[address_pools.Pool]] = defaultdict(list)
        for pool in answer.pools:
            by_network[pool.network_id].append(pool)
            yield from _of_subnet(pool, cloud.plus(subnet_id=pool.subnet_id))
        for network_id, pools in by_network.items():
            labels = cloud.plus(network_id=network_id)
            if network_id not in answer.partial:
                yield from _sums(pools, labels)
            external = pools[0].is_external
            yield NETWORK_INFO(
                1,
                labels.plus(
                    network_name=pools[0].network_name,
                    external="" if external is None else str(external).lower(),
                ),
            )
        yield from whole("networks", answer.is_whole, cloud)


def _of_subnet(pool: address_pools.Pool, labels: Labels) -> Iterable[Sample]:
    yield from optional_samples((SUBNET, SUBNET_USED), (pool.total, pool.used), labels)
    yield SUBNET_INFO(
        1,
        labels.plus(
            subnet_name=pool.subnet_name,
            network_id=pool.network_id,
            project_id=pool.project_id,
            ip_version=pool.ip_version,
            cidr=pool.cidr,
        ),
    )


def _sums(pools: list[address_pools.Pool], labels: Labels) -> Iterable[Sample]:
    for ip_version in sorted({pool.ip_version for pool in pools}):
        of_version = labels.plus(ip_version=ip_version)
        of_it = [pool for pool in pools if pool.ip_version == ip_version]
        sums = whole_sum(pool.total for pool in of_it), whole_sum(pool.used for pool in of_it)
        yield from optional_samples((NETWORK, NETWORK_USED), sums, of_version)
