"""A kube-apiserver and its etcd, both on loopback: scripts/get-go builds the one, the other is Debian's.

It has the custom resources of tests/fixtures/crds.
"""

import json
import secrets
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml
from cloud.ports import free_port

ROOT: Final = Path(__file__).parents[2]
_CRDS: Final = ROOT / "tests/fixtures/crds"
_READY_S: Final = 120
_STOP_S: Final = 30
_ANSWER_S: Final = 30


class RefusedError(Exception):
    """The server's words. Attributes: status: Of HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    """What the server answers, and its warnings."""

    content: Any
    warnings: Sequence[str]


class Apiserver:
    """Both processes, which end with the one that started them.

    Attributes:
        url: Of its API.
        token: Of an administrator.
        kubeconfig: With this URL and token.
        certificate: Of the server, and of who vouches for it.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        """Args: folder: Of all its files. port: Of its API; 0: a free one."""
        self._folder = folder
        self.url, self.token = f"https://127.0.0.1:{port or free_port()}", secrets.token_hex(16)
        self.kubeconfig, self.certificate = folder / "kubeconfig", folder / "server.crt"
        self._etcd_url = f"http://127.0.0.1:{free_port()}"
        self._etcd: subprocess.Popen[bytes] | None = None
        self._api: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start both, and wait until the server is ready."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._write_files()
        data, urls = self._folder / "data", self._etcd_url
        tools = Path(_said_by("scripts/get-debian", "etcd"))
        self._etcd = self._started(
            "etcd",
            tools / "usr/bin/etcd",
            f"--data-dir={data}",
            f"--listen-client-urls={urls}",
            f"--advertise-client-urls={urls}",
            "--listen-peer-urls=http://127.0.0.1:0",
        )
        self.come_back()
        definitions = [yaml.safe_load(path.read_text()) for path in sorted(_CRDS.glob("*.yaml"))]
        for one in definitions:
            self.ask("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", one)
        wanted = {one["spec"]["names"]["plural"] for one in definitions}
        self._wait_until(lambda: self._serves(wanted))

    def come_back(self) -> None:
        """Start the server alone, after `go_away`, and wait until it is ready."""
        self._api = self._started(
            "kube-apiserver",
            _said_by("scripts/get-go", "kube-apiserver"),
            f"--etcd-servers={self._etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.url.rpartition(':')[2]}",
            f"--tls-cert-file={self.certificate}",
            f"--tls-private-key-file={self._folder}/server.key",
            f"--token-auth-file={self._folder}/tokens.csv",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={self.certificate}",
            f"--service-account-signing-key-file={self._folder}/server.key",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.0.0.0/24",
            # Nobody is to find it by an address of this machine, which may have none but loopback.
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
        )
        self._wait_until(self._is_ready)

    def go_away(self) -> None:
        """End the server; etcd keeps what there is."""
        _end(self._api)

    def stop(self) -> None:
        """End both."""
        _end(self._api)
        _end(self._etcd)

    def ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        method: str = "",
        kind: str = "application/json",
    ) -> Answer:
        """What the API answers at a path.

        Args:
            body: With one the method is POST by default.
            kind: Of the body.

        Raises:
            RefusedError: The server does not do it.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        request = Request(f"{self.url}{path}", data, headers, method=method or None)  # noqa: S310 - loopback
        context = ssl.create_default_context(cafile=str(self.certificate))
        try:
            with urlopen(request, timeout=_ANSWER_S, context=context) as answer:  # noqa: S310 - loopback
                text = answer.read()
                warnings = [one.split('"', 1)[1].rstrip('"') for one in answer.headers.get_all("Warning", [])]
        except HTTPError as error:
            with error:
                raise RefusedError(error.code, _message(error.read())) from error
        return Answer(json.loads(text) if text.startswith(b"{") else text.decode(), warnings)

    def resources(self) -> Iterator[tuple[str, str]]:
        """Of each kind of object that is in a namespace: the path of its version, and its name."""
        groups = self.ask("/apis").content["groups"]
        versions = (f"/apis/{one['groupVersion']}" for group in groups for one in group["versions"])
        for path in ("/api/v1", *versions):
            for one in self.ask(path).content["resources"]:
                if one["namespaced"] and "list" in one["verbs"]:
                    yield path, one["name"]

    def _write_files(self) -> None:
        certificate = ["-subj", "/CN=kube-apiserver", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"]
        files = ["-keyout", f"{self._folder}/server.key", "-out", f"{self.certificate}"]
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subprocess.run(
            ["openssl", "req", "-x509", *key, *certificate, *files], check=True, capture_output=True
        )
        (self._folder / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n")
        cluster = {"server": self.url, "certificate-authority": f"{self.certificate}"}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": self.token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "admin"}}],
            "current-context": "it",
        }
        self.kubeconfig.touch(mode=0o600)  # Helm warns of one that others may read
        self.kubeconfig.write_text(json.dumps(config))  # YAML reads JSON

    def _started(self, name: str, *command: str | Path) -> "subprocess.Popen[bytes]":
        with (self._folder / f"{name}.log").open("ab") as log:
            dies_with_us = ("setpriv", "--pdeathsig=KILL", "--")
            return subprocess.Popen(
                [*dies_with_us, *command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self._folder
            )

    def _wait_until(self, claim: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _READY_S
        while not claim():
            if time.monotonic() > deadline or self._api is None or self._api.poll() is not None:
                files = (self._folder / "etcd.log", self._folder / "kube-apiserver.log")
                said = [line for file in files for line in file.read_text().splitlines()[-5:]]
                raise TimeoutError("\n".join(["the kube-apiserver is not ready", *said]))
            time.sleep(0.1)

    def _serves(self, wanted: set[str]) -> bool:
        try:
            return wanted <= {name for _, name in self.resources()}
        except RefusedError:  # a group that is known before it is served
            return False

    def _is_ready(self) -> bool:
        try:
            return bool(self.ask("/readyz").content == "ok")
        except (RefusedError, URLError, ConnectionError, TimeoutError):
            return False


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _said_by(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise OSError(done.stderr.strip())
    return done.stdout.strip()


def _message(answer: bytes) -> str:
    text = answer.decode()
    return str(json.loads(text)["message"]) if text.startswith("{") else text
