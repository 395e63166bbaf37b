"""Which services make up the cloud, in the order in which they need each other."""

from collections.abc import Sequence

from cloud import services
from cloud.configuration import PASSWORD, PINNED
from cloud.services import Service

HOSTS = tuple(PINNED)
FOUNDATION = ("epmd", "rabbit", "memcached", "mariadb")
"""What the others need to end in good order."""
_UWSGI = (
    *(
        "uwsgi-core",
        "--plugins",
        "python3",
        "--master",
        "--lazy-apps",
        "--processes",
        "1",
        "--enable-threads",
    ),
    *("--buffer-size", "65535", "--die-on-term", "--no-orphans", "--need-app", "--log-date"),
    *("--add-header", "Connection: close"),
)
_MARIADB = (
    *("mariadbd", "--no-defaults", "--user=root", "--datadir=/data/mysql", "--socket=/data/run/mysql.sock"),
    *("--pid-file=/data/run/mariadb", "--skip-networking", "--skip-log-bin", "--max-connections=500"),
    # Nothing here must outlive a power cut.
    *("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--innodb-flush-method=nosync"),
    *("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=32M"),
)


def foundation(ports: dict[str, int]) -> Sequence[Service]:
    """What every service needs: database, messages, cache."""
    return (
        Service("mariadb", _MARIADB),
        *broker(ports),
        Service(
            "memcached",
            ("memcached", "-u", "root", "-l", "127.0.0.1", "-p", str(ports["memcached"]), "-m", "64"),
            ports["memcached"],
        ),
    )


def broker(ports: dict[str, int], name: str = "rabbit") -> tuple[Service, Service]:
    """epmd and a RabbitMQ. Args: name: Of RabbitMQ, and of its folder in /data."""
    epmd = "epmd" if name == "rabbit" else f"{name}-epmd"
    listens = ("epmd", "-address", "127.0.0.1", "-port", str(ports["epmd"]))
    return (
        # Without one that runs, RabbitMQ starts one that we could not stop.
        Service(epmd, listens, ports["epmd"]),
        Service(name, ("/usr/lib/rabbitmq/bin/rabbitmq-server",), ports["rabbit"], of_rabbit(ports, name)),
    )


def of_rabbit(ports: dict[str, int], name: str = "rabbit") -> tuple[tuple[str, str], ...]:
    """The environment of a RabbitMQ, and of what asks it (`rabbitmqctl`)."""
    loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    login = f'-rabbit default_user <<"cloud">> -rabbit default_pass <<"{PASSWORD}">>'
    variables = {
        "HOME": f"/data/{name}",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(ports["epmd"]),
        "RABBITMQ_NODENAME": "cloud@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports["rabbit"]),
        "RABBITMQ_DIST_PORT": str(ports["rabbit_peers"]),
        "RABBITMQ_MNESIA_BASE": f"/data/{name}",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"/data/{name}/plugins",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{loopback} {login} +S 2:2 +sbwt none",
    }
    return tuple(variables.items())


def apis(ports: dict[str, int]) -> dict[str, Service]:
    """The services with a REST API, by name."""
    scripts = {
        "keystone": ("keystone-wsgi-public", 4),
        "placement": ("placement-api", 4),
        "glance": ("glance-wsgi-api", 4),
        "nova": ("nova-api-wsgi", 1),
        "neutron": ("neutron-api", 1),
        "cinder": ("cinder-wsgi", 4),
    }
    found = {}
    for name, (script, threads) in scripts.items():
        listen = ("--http-socket", f"127.0.0.1:{ports[name]}", "--wsgi-file", f"/usr/bin/{script}")
        command = (*_UWSGI, *listen, "--threads", str(threads), "--procname-prefix", f"{name} ")
        found[name] = Service(name, command, ports[name], is_api=True)
    return found


def workers() -> Sequence[Service]:
    """What works behind the APIs; needs Placement and Keystone."""
    return (
        Service("nova-conductor", ("nova-conductor",)),
        Service("nova-scheduler", ("nova-scheduler",)),
        *(Service(host, ("python3", "/code/compute.py", *_configured("nova", host))) for host in HOSTS),
        Service("neutron-rpc", ("neutron-rpc-server",)),
        Service("neutron-agents", ("python3", "/code/agents.py", *HOSTS)),
        Service("cinder-scheduler", ("cinder-scheduler",)),
        Service("cinder-volume", ("python3", "/code/volume.py")),
    )


def everything(ports: dict[str, int]) -> dict[str, Service]:
    """All of them by name, in the order of their start."""
    return {one.name: one for one in (*foundation(ports), *apis(ports).values(), *workers())}


def stop_all() -> None:
    """Stop whatever was started. Raises CloudError."""
    running = services.started()
    services.stop(*(name for name in running if name not in FOUNDATION))
    services.stop(*(name for name in running if name in FOUNDATION))


def _configured(*names: str) -> Sequence[str]:
    return [part for name in names for part in ("--config-file", f"/data/etc/{name}.conf")]
