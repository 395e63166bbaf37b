"""The services' databases: created and brought to their schema on the first start."""

from cloud import inside
from cloud.configuration import DATABASES, PASSWORD, database
from cloud.folder import DATA, CloudError

SYNC = {
    "keystone": ("keystone-manage", "db_sync"),
    "placement": ("placement-manage", "db", "sync"),
    "glance": ("glance-manage", "db_sync"),
    "neutron": ("neutron-db-manage", "upgrade", "heads"),
    "cinder": ("cinder-manage", "db", "sync"),
}
_KEYS = ("--keystone-user", "root", "--keystone-group", "root")


def install() -> None:
    """MariaDB's own tables."""
    if not (DATA / "mysql" / "mysql").exists():
        folders = ("--datadir=/data/mysql", "--auth-root-authentication-method=normal", "--skip-test-db")
        inside.run("mariadb-install-db", "--no-defaults", "--user=root", *folders)


def answers() -> bool:
    """Whether MariaDB takes commands."""
    try:
        sql("select 1")
    except CloudError:
        return False
    return True


def sql(statements: str) -> str:
    return inside.run("mariadb", "--no-defaults", "--socket=/data/run/mysql.sock", given=statements)


def create() -> None:
    """All of them, empty: what an interrupted start left behind is dropped."""
    for name in DATABASES:
        sql(f"drop database if exists {name}; create database {name} character set utf8;")


def sync(service: str) -> None:
    """One service's schema."""
    if service != "nova":
        inside.run(*SYNC[service])
        return
    inside.run("nova-manage", "api_db", "sync")
    cells = ("nova-manage", "cell_v2")
    inside.run(*cells, "map_cell0", "--database_connection", database("nova_cell0"))
    inside.run(*cells, "create_cell", "--name", "cell1")
    inside.run("nova-manage", "db", "sync")


def bootstrap_keystone(port: int) -> None:
    """Keystone's keys, its administrator, its endpoint."""
    for folder, command in (("fernet", "fernet_setup"), ("credential", "credential_setup")):
        (DATA / "state" / folder).mkdir(mode=0o700, exist_ok=True)
        inside.run("keystone-manage", command, *_KEYS)
    urls = [
        part
        for interface in ("admin", "internal", "public")
        for part in (f"--bootstrap-{interface}-url", f"http://127.0.0.1:{port}/v3")
    ]
    login = ("--bootstrap-password", PASSWORD, "--bootstrap-region-id", "RegionOne")
    inside.run("keystone-manage", "bootstrap", *login, *urls)
