# Neutron is inside alone:
# mypy: disable-error-code="import-not-found,import-untyped"
"""Neutron's agents, as far as Neutron can tell: they report over its own messages that they are there.

An Open vSwitch agent on each host that is named as an argument; on the first also one each for L3, DHCP and
metadata. Ports that Neutron bound on a host get up, floating addresses active. /data/knobs/silent holds lines
`host` or `host:binary`: these agents report nothing.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pymysql
from neutron.agent import rpc
from neutron.common import config
from neutron.conf.agent import common as agent_config
from neutron_lib import context
from neutron_lib import rpc as messages
from neutron_lib.agent import topics
from oslo_config import cfg

INTERVAL_S = 5
SILENT = Path("/data/knobs/silent")
BOUND = """select p.id, b.host from ports p join ml2_port_bindings b on b.port_id = p.id
           where p.status = 'DOWN' and p.admin_state_up and b.vif_type = 'ovs' and b.host != ''"""
FLOATING = "select id, router_id from floatingips where router_id is not null and status != 'ACTIVE'"


def descriptions(hosts: list[str]) -> Iterator[dict[str, Any]]:
    """What each agent says of itself."""
    for number, host in enumerate(hosts, 1):
        settings = {
            "bridge_mappings": {"outside": "br-ex"},
            "tunnel_types": ["vxlan"],
            "tunneling_ip": f"10.255.0.{number}",
            "datapath_type": "system",
            "integration_bridge": "br-int",
            "ovs_capabilities": {"datapath_types": ["system"], "iface_types": []},
        }
        yield description(host, "neutron-openvswitch-agent", "Open vSwitch agent", "N/A", settings)
    legacy = {"agent_mode": "legacy", "interface_driver": "openvswitch"}
    yield description(hosts[0], "neutron-l3-agent", "L3 agent", topics.L3_AGENT, legacy)
    yield description(hosts[0], "neutron-dhcp-agent", "DHCP agent", topics.DHCP_AGENT, {"networks": 0})
    yield description(hosts[0], "neutron-metadata-agent", "Metadata agent", "N/A", {})


def description(host: str, binary: str, sort: str, topic: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "host": host,
        "binary": binary,
        "agent_type": sort,
        "topic": topic,
        "configurations": settings,
        "availability_zone": "nova",
    }


class Agents:
    """All of them."""

    def __init__(self, hosts: list[str]) -> None:
        self._all = list(descriptions(hosts))
        self._context = context.get_admin_context_without_session()
        self._reports = rpc.PluginReportStateAPI(topics.REPORTS)
        self._plugin = rpc.PluginApi(topics.PLUGIN)
        target = oslo_messaging.Target(topic=topics.L3PLUGIN, version="1.0")
        self._l3 = messages.get_client(target)
        self._started: set[tuple[str, str]] = set()

    def report(self, silent: set[str]) -> None:
        """The state of each that may speak."""
        for agent in self._all:
            host, binary = agent["host"], agent["binary"]
            if host in silent or f"{host}:{binary}" in silent:
                self._started.discard((host, binary))
                continue
            first = {} if (host, binary) in self._started else {"start_flag": True}
            self._reports.report_state(self._context, agent | first, use_call=True)
            self._started.add((host, binary))

    def work(self, silent: set[str]) -> None:
        """What a real agent does once it has seen the port on its bridge."""
        for port, host in rows(BOUND):
            if host not in silent:
                self._plugin.update_device_up(self._context, port, f"ovs-agent-{host}", host)
        for floating, router in rows(FLOATING):
            call = self._l3.prepare(version="1.1")
            call.call(
                self._context,
                "update_floatingip_statuses",
                router_id=router,
                fip_statuses={floating: "ACTIVE"},
            )


def rows(query: str) -> list[tuple[str, str]]:
    """Neutron's own database says what a bridge would."""
    login = {"unix_socket": "/data/run/mysql.sock", "user": "root", "database": "neutron"}
    with pymysql.connect(**login) as database, database.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def main() -> None:
    agent_config.register_agent_state_opts_helper(cfg.CONF)
    config.register_common_config_options()
    config.init([], default_config_files=["/data/etc/neutron.conf"])
    config.setup_logging()
    agents = Agents(sys.argv[1:])
    while True:
        silent = set(SILENT.read_text().split()) if SILENT.exists() else set()
        try:
            agents.report(silent)
            agents.work(silent)
        except (oslo_messaging.MessagingException, pymysql.Error) as error:
            print(f"not reported: {error!r}", flush=True)
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()
