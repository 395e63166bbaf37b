"""The web configuration file."""

import ssl
from pathlib import Path

import pytest

from stratoscope.core.errors import ConfigError
from stratoscope.core.web.config_file import Rate, WebConfig, load
from support import certificates, webconfigs

REFUSALS = {
    "cost_too_slow": "basic_auth_users.alice: no bcrypt hash; allowed: $2a$, $2b$, $2y$ with a cost of 04 to",
    "hash_bcrypt_refuses": "basic_auth_users.alice: no bcrypt hash; allowed: $2a$, $2b$, $2y$ with a cost of",
    "user_with_colon": "basic_auth_users.al:ice: a log-in cannot hold a user's colon; allowed: none",
    "cert_absent": "tls_server_config.cert_file: {folder}/absent.crt: No such file or directory",
    "cert_missing": "tls_server_config.cert_file: missing; allowed: cert_file or cert",
    "cipher_unknown": "tls_server_config.cipher_suites: unknown: TLS_RSA_WITH_RC4_128_SHA2048; allowed: TL",
    "client_auth_unknown": "tls_server_config.client_auth_type: unknown: Required; allowed: NoClientCert, ",
    "client_ca_absent": "tls_server_config.client_ca_file: {folder}/absent.crt: No such file or directory",
    "client_ca_without_auth": "tls_server_config.client_auth_type: a client CA without it has no effect; a",
    "cost_too_high": "basic_auth_users.alice: no bcrypt hash; allowed: $2a$, $2b$, $2y$ with a cost of 04",
    "curve_unknown": "tls_server_config.curve_preferences: unknown: CurveP257; allowed: CurveP256, CurveP384",
    "header_unknown": "http_server_config.headers: unknown: Server; allowed: Content-Security-Policy",
    "header_value": "http_server_config.headers.X-Frame-Options: unknown: allow; allowed: deny, sameorigin",
    "http2_no_boolean": "http_server_config.http2: ",
    "key_missing": "tls_server_config.key_file: missing; allowed: key_file or key",
    "key_of_another": "tls_server_config.cert_file: server.crt and tls_server_config.key_file: ca.key: "
    "cannot be used together: key values mismatch",
    "key_twice": ":3:3: the key `alice` stands twice",
    "no_mapping": "",
    "no_yaml": ":2:1: while scanning a quoted scalar: found unexpected end of stream",
    "password_in_clear": "basic_auth_users.alice: no bcrypt hash; allowed: $2a$, $2b$, $2y$ with a cost of",
    "password_missing": "basic_auth_users.alice: no bcrypt hash; allowed: $2a$, $2b$, $2y$ with a cost of",
    "rate_burst_no_number": "rate_limit.burst: 'many' would let no request pass; allowed: whole numbers fr",
    "rate_interval_no_duration": "rate_limit.interval: 'soon' is no duration; allowed: 0, or such as 100ms",
    "unknown_key": "tls_server_config.keyfile: ",
    "unknown_section": "tls_config: ",
    "version_unknown": "tls_server_config.min_version: ",
    "client_ca_no_certificate": "tls_server_config.client_ca_file: server.key: no certificate in PEM: ",
    "client_cert_any": "tls_server_config.client_auth_type: Python's ssl always verifies requested",
    "client_cert_unverified": "tls_server_config.client_auth_type: Python's ssl always verifies requested",
    "header_two_lines": "http_server_config.headers.Content-Security-Policy: more than one line, or a",
    "max_below_min": "tls_server_config.max_version: TLS12 is below min_version; allowed: TLS13 or above",
    "max_version_too_old": "tls_server_config.max_version: TLS11 is not offered; allowed: TLS12, TLS13",
    "rate_without_burst": "rate_limit.burst: '0' would let no request pass; allowed: whole numbers from 1",
    "rate_without_unit": "rate_limit.interval: '5' is no duration; allowed: 0, or such as 100ms, 1s, 1m30s",
    "sans_without_verification": "tls_server_config.client_allowed_sans: needs client_auth_type RequireAnd",
    "tls13_suites_without_tls13": "tls_server_config.cipher_suites: all are TLS 1.3's, but max_version is",
    "two_curves": "tls_server_config.curve_preferences: Python's ssl supports only one; allowed: one, or",
}
ALLOWED = {
    "no_mapping": "tls_server_config, http_server_config, basic_auth_users, rate_limit",
    "unknown_key": "cert, key, client_ca, cert_file, key_file, client_ca_file, client_auth_type",
    "unknown_section": "tls_server_config, http_server_config, basic_auth_users, rate_limit",
    "version_unknown": "TLS10, TLS11, TLS12, TLS13",
}


def loaded(name: str, folder: Path) -> WebConfig:
    return load(webconfigs.lay_out("accepted", name, folder))


def written(text: str | bytes, folder: Path) -> Path:
    path = folder / "web.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", webconfigs.names("accepted"))
def test_good_file_is_accepted(name: str, tmp_path: Path) -> None:
    assert loaded(name, tmp_path).files[0] == tmp_path / "web.yml"


@pytest.mark.parametrize(
    ("folder", "name"),
    [(folder, name) for folder in ("refused", "refused_here") for name in webconfigs.names(folder)],
)
def test_bad_file_is_refused_with_its_key_and_what_is_allowed(folder: str, name: str, tmp_path: Path) -> None:
    path = webconfigs.lay_out(folder, name, tmp_path)
    with pytest.raises(ConfigError) as refused:
        load(path)
    said = REFUSALS[name].format(folder=tmp_path)
    assert str(refused.value).startswith(f"{path}{said}" if said.startswith(":") else f"{path}: {said}")
    assert ALLOWED.get(name, "") in str(refused.value)
    assert "\n" not in str(refused.value)


_ENCRYPTED = (
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
    "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIB\n-----END EC PRIVATE KEY-----\n",
)


@pytest.mark.parametrize(
    ("files", "contents", "said"),
    [
        (
            ("server.key", "server.crt"),
            {},
            "cert_file: server.key: no certificate in PEM; certificate and key are exchanged",
        ),
        (("der", "server.key"), {"der": "0\x82"}, "cert_file: der: no certificate in PEM"),
        (("server.crt", "der"), {"der": "0\x82"}, "key_file: der: no private key in PEM"),
        *(
            (
                ("server.crt", "own.key"),
                {"own.key": text},
                "key_file: own.key: the private key is encrypted; allowed: one without a password",
            )
            for text in _ENCRYPTED
        ),
    ],
    ids=["exchanged", "certificate in DER", "key in DER", "encrypted PKCS 8", "encrypted as OpenSSL did"],
)
def test_certificate_or_key_that_is_something_else_is_named_with_its_file(
    files: tuple[str, str], contents: dict[str, str], said: str, tmp_path: Path
) -> None:
    certificates.write(tmp_path, certificates.Authority())
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    path = written(f"tls_server_config: {{cert_file: {files[0]}, key_file: {files[1]}}}", tmp_path)
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"{path}: tls_server_config.{said}"


def test_file_that_is_not_there_is_refused_with_its_flag(tmp_path: Path) -> None:
    path = tmp_path / "absent.yml"
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert str(refused.value) == f"--web.config.file: {path}: No such file or directory"


@pytest.mark.parametrize("text", [b"\xff\xfe\xfa", "a: !!int abc", "a: \x00", "? [a]\n: b", "--- a\n--- b"])
def test_what_yaml_does_not_know_is_refused_in_one_line(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(written(text, tmp_path))
    assert "\n" not in str(refused.value)


def test_file_in_utf_16_is_read_as_go_reads_it(tmp_path: Path) -> None:
    text = "http_server_config: {headers: {X-Frame-Options: deny}}"
    assert load(written(text.encode("utf-16"), tmp_path)).headers == {"X-Frame-Options": "deny"}


def test_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    assert loaded("empty", tmp_path) == WebConfig(files=(tmp_path / "web.yml",))


def test_all_tls_keys_are_put_to_use(tmp_path: Path) -> None:
    config = loaded("tls_all_keys", tmp_path)
    context = config.context
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert (context.minimum_version, context.maximum_version) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
    )
    assert not context.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    names = [cipher["name"] for cipher in context.get_ciphers() if not cipher["name"].startswith("TLS_")]
    assert names == ["ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]
    assert config.requires_client_cert
    assert config.files == tuple(
        tmp_path / name for name in ("web.yml", "server.crt", "server.key", "ca.crt")
    )


def test_tls_prefers_the_servers_ciphers_unless_told_otherwise(tmp_path: Path) -> None:
    context = loaded("tls", tmp_path).context
    assert context is not None
    assert context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_tls13_suites_alone_leave_tls13_alone(tmp_path: Path) -> None:
    context = loaded("tls13_suites_only", tmp_path).context
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_certificate_that_may_be_left_out_protects_nothing(tmp_path: Path) -> None:
    config = loaded("tls_verify_if_given", tmp_path)
    assert config.context is not None
    assert config.context.verify_mode is ssl.CERT_OPTIONAL
    assert not config.requires_client_cert


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("headers", "http_server_config.http2: HTTP/2 is not offered; HTTP/1.1 is"),
        ("tls_old_minimum", "tls_server_config.min_version: TLS10 is not offered; TLS12 is the lowest"),
        ("tls_without_certificate", "tls_server_config: TLS is off, as it has neither cert_file nor cert"),
    ],
)
def test_what_is_accepted_but_not_done_is_a_warning(name: str, warning: str, tmp_path: Path) -> None:
    assert loaded(name, tmp_path).warnings == (warning,)


def test_headers_are_texts_and_blank_ones_are_not_set(tmp_path: Path) -> None:
    text = "http_server_config: {headers: {X-XSS-Protection: 0, Strict-Transport-Security: ''}}"
    assert load(written(text, tmp_path)).headers == {"X-XSS-Protection": "0"}


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("{interval: 1m30s, burst: 20}", Rate(90, 20)),
        ("{interval: 100ms, burst: 1}", Rate(0.1, 1)),
        ("{interval: .5s, burst: 1}", Rate(0.5, 1)),
        ("{interval: 0, burst: 1}", None),
        ("{interval: 0s}", None),
        ("", None),
    ],
)
def test_rate_limit_is_read_as_go_reads_it(text: str, rate: Rate | None, tmp_path: Path) -> None:
    assert load(written(f"rate_limit: {text}", tmp_path)).rate == rate


def test_no_secret_is_in_repr_or_message(tmp_path: Path) -> None:
    config = loaded("users", tmp_path)
    stored = config.users["alice"].reveal()
    assert stored.startswith("$2y$04$")
    assert stored[7:] not in repr(config)
    for text in (
        f"basic_auth_users: {{alice: 'x{stored}'}}",
        f"basic_auth_users: {{alice: '{stored}",
        f"a: [{stored}",
        f"basic_auth_users: {{alice: *a{stored[7:].translate(dict.fromkeys(map(ord, './')))}}}",
    ):
        with pytest.raises(ConfigError) as refused:
            load(written(text, tmp_path))
        said = str(refused.value)
        assert not any(stored[start : start + 8] in said for start in range(7, len(stored) - 8))


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 20_000,
        "{a: " * 5_000,
        "".join(f"{' ' * level}a:\n" for level in range(400)),
        "- " * 50_000,
        "basic_auth_users: !!bool maybe",
        'rate_limit: {burst: !!int ""}',
        'rate_limit: {burst: !!float ""}',
        "rate_limit: {burst: !!timestamp abc}",
        "rate_limit: !!map [a]",
        "rate_limit: {interval: 1s, burst: '" + "9" * 5_000 + "'}",
        "rate_limit: {interval: 1s, burst: '\u0663'}",
        "rate_limit: {burst: '1', interval: " + "9" * 400 + "h}",
        "rate_limit: {burst: '1', interval: 9000h}",
    ],
)
def test_file_that_no_yaml_reader_likes_is_refused_in_one_short_line(text: str, tmp_path: Path) -> None:
    path = tmp_path / "web.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load(path)
    assert len(str(refused.value)) < len(str(path)) + 250
