"""The SSH host keys on a console: as cloud-init and CirrOS write them, and as nobody should."""

import base64
import hashlib
import time

import asyncssh
import pytest

from stratoscope.clouds.steps.host_keys import LONGEST_LOG, Written, written

ED25519 = asyncssh.generate_private_key("ssh-ed25519")
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
KEYS = "-----{} SSH HOST KEY KEYS-----"
FINGERPRINTS = "-----{} SSH HOST KEY FINGERPRINTS-----"
NISTP = ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521")
RSA = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


def public(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


def block(marker: str, *lines: str, prefix: str = "", end: str = "\r\n") -> str:
    return "".join(f"{prefix}{one}{end}" for one in (marker.format("BEGIN"), *lines, marker.format("END")))


@pytest.mark.parametrize(
    "prefix", ["", "ec2: ", "[   12.345678] cloud-init[555]: ", "<14>Nov 29 01:00:00 cloud-init: "]
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_keys_and_fingerprints_are_found_behind_any_prefix(prefix: str, end: str) -> None:
    shown = f"256 {ECDSA.get_fingerprint()} root@vm (ECDSA)"
    by_key = block(KEYS, f"{public(ED25519)} root@vm", prefix=prefix, end=end)
    by_fingerprint = block(FINGERPRINTS, shown, prefix=prefix, end=end)
    one, other = ED25519.get_fingerprint(), ECDSA.get_fingerprint()
    assert written(f"boot{end}{by_key}login: ") == Written(frozenset({one}), ("ssh-ed25519",))
    assert written(by_fingerprint) == Written(frozenset({other}), NISTP)
    both = written(by_fingerprint + by_key)
    assert both == Written(frozenset({one, other}), ("ssh-ed25519", *NISTP))


def test_key_of_rsa_is_shown_by_any_of_its_signatures() -> None:
    blob = b"\0\0\0\x07ssh-rsa" + bytes(300)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    found = written(block(KEYS, f"ssh-rsa {base64.b64encode(blob).decode()} root@cirros"))
    assert found == Written(frozenset({f"SHA256:{digest}"}), RSA)
    assert written(block(FINGERPRINTS, f"3072 SHA256:{digest} root@cirros (RSA)")) == found


@pytest.mark.parametrize(
    "log",
    [
        "",
        "Debian GNU/Linux 13 vm ttyS0\r\n\r\nvm login: ",
        public(ED25519),
        block(KEYS),
        block(KEYS, public(ED25519)).replace("END", "..."),
        block(KEYS, public(ED25519)).replace("BEGIN", "..."),
        block(KEYS, public(ED25519)).replace("END SSH HOST KEY KEYS", "END SSH HOST KEY FINGERPRINTS"),
        block(KEYS, f"256 {ED25519.get_fingerprint()} root@vm (ED25519)"),
        block(FINGERPRINTS, public(ED25519)),
        block(FINGERPRINTS, f"256 {ED25519.get_fingerprint()[:-1]} root@vm (ED25519)"),
        block(FINGERPRINTS, "256 aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99 root@vm (ECDSA)"),
        block(KEYS, public(ED25519).replace("AAAA", "AAA")),
        block(KEYS, public(ED25519).replace("AAAAC3Nza", "AAAAC3Nzb")),
        block(KEYS, public(ED25519).replace("AAAAC3Nza", "AAAAC3[ 9.1] random: crng")),
        block(KEYS, public(ED25519).replace("ssh-ed25519", "ssh-rsa")),
        block(KEYS, "ssh-dss AAAAB3NzaC1kc3MAAACBAA== root@cirros"),
        block(KEYS, "x" * 8192 + f" {public(ED25519)}"),
        "\0\ufffd\x1b[2J" * 100,
    ],
    ids=range(18),
)
def test_what_is_no_key_in_a_whole_block_is_none(log: str) -> None:
    assert written(log) is None


def test_broken_key_costs_that_key() -> None:
    log = block(
        KEYS, public(ECDSA).replace("AAAA", "[ 9.1] AAAA", 1).replace("256 [", "256[", 1), public(ED25519)
    )
    found = written(log)
    assert found is not None
    assert found.fingerprints == {ED25519.get_fingerprint()}


@pytest.mark.parametrize(
    "text",
    ["x", "\n", "x\n", KEYS.format("BEGIN") + "\n", f"ssh-ed25519 {'A' * 60} ", "SHA256:" + "A" * 43 + "\n"],
    ids=["one line", "empty lines", "short lines", "beginnings", "keys in one line", "fingerprints"],
)
def test_huge_console_is_read_from_its_end_and_soon(text: str) -> None:
    keys = block(KEYS, public(ED25519))
    huge = text * (8 * LONGEST_LOG // len(text))
    began = time.process_time()
    assert written(keys + huge) is None
    last = written(f"{huge}\n{keys}")
    assert time.process_time() - began < 2
    assert last is not None
    assert ED25519.get_fingerprint() in last.fingerprints
