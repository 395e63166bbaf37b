"""scripts/kube-up: a server for who tries the chart by hand, of which nothing is left."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from integration.virsh import wait_for
from support.debian import ROOT
from support.kube import Helm

pytestmark = [pytest.mark.integration, pytest.mark.full]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_serves_until_it_ends(sent: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts/kube-up"]
    where = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=where) as running:
        assert running.stdout is not None
        kubeconfig = Path(running.stdout.readline().strip())
        assert Helm("helm", kubeconfig, tmp_path).must("list", "--short").stdout == ""
        url = json.loads(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        running.send_signal(sent)
        running.wait(30)
    wait_for(lambda: is_refused(url))
    if sent is not signal.SIGKILL:
        assert not kubeconfig.parent.exists()


def is_refused(url: str) -> bool:
    address = urlsplit(url)
    with socket.socket() as asking:
        return asking.connect_ex((address.hostname, address.port)) == errno.ECONNREFUSED
