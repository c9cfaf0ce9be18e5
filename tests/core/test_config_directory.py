"""`[oidc]` and `[ldap]` are read exactly, or refused with line, key and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.test_config_file import GOOD, parse
from vms.core.config_file import load_settings
from vms.core.errors import ConfigError

OIDC = """
[oidc]
issuer = "https://id.example.org/realms/main"
client_id = "gozcu"
client_secret = "${SECRET}"
console = "https://vms.example.org/"
[oidc.groups]
operators = [{ role = "operator", cameras = ["group:meydan"] }]
"""
LDAP = """
[ldap]
url = "ldaps://dc1.example.org"
bind_dn = "cn=vms,dc=example,dc=org"
bind_password_file = "ldap.secret"
base = "dc=example,dc=org"
group_base = "ou=groups,dc=example,dc=org"
[ldap.groups]
operators = [{ role = "operator" }]
"""


def test_both_are_read_and_secrets_stay_masked(tmp_path: Path) -> None:
    oidc = parse(GOOD + OIDC, SECRET="canary-1").oidc
    assert oidc is not None
    assert oidc.client_secret is not None
    assert oidc.client_secret.reveal() == "canary-1"
    assert oidc.redirect_uri == "https://vms.example.org/api/session/oidc/callback"
    file = tmp_path / "cameras.toml"
    file.write_text(GOOD + LDAP)
    (tmp_path / "ldap.secret").write_text("canary-2\n")
    settings = load_settings(file)
    assert settings.ldap is not None
    assert settings.ldap.bind_password is not None
    assert settings.ldap.bind_password.reveal() == "canary-2"
    assert (settings.ldap.port, settings.ldap.is_encrypted) == (636, True)
    assert "canary" not in repr(oidc) + repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("section", "old", "new", "says"),
    [
        (OIDC, "https://id.", "http://id.", "must begin with https://"),
        (OIDC, "https://id.", "https://user:canary@id.", "has a user or a password in it"),
        (OIDC, 'example.org/"', 'example.org/vms"', "without a path"),
        (OIDC, "client_id", "client", "did you mean 'client_id'"),
        (OIDC, "group:meydan", "Group Meydan", "group:NAME"),
        (OIDC, 'console = "https', 'scopes = ["email"]\nconsole = "https', '"openid"'),
        (OIDC, 'console = "https', 'client_secret_file = "x"\nconsole = "https', "keep one of"),
        (LDAP, "ldaps://", "ldap://", "starttls = true"),
        (LDAP, "ldaps://dc1", "https://dc1", "ldaps://dc1.example.org"),
        (LDAP, 'base = "dc', 'user_filter = "(uid=x)"\nbase = "dc', "{name}"),
        (LDAP, 'base = "dc', 'group_filter = "(member=x)"\nbase = "dc', "{dn} or {name}"),
        (LDAP, 'bind_dn = "cn=vms,dc=example,dc=org"\n', "", "belong together"),
        (LDAP, 'group_base = "ou=groups,dc=example,dc=org"\n', "", "group_base"),
        (LDAP, 'base = "dc', 'session = "30 d"\nbase = "dc', "7 d"),
    ],
)
def test_a_mistake_is_named_with_line_and_remedy(
    section: str, old: str, new: str, says: str
) -> None:
    assert old in section
    with pytest.raises(ConfigError) as caught:
        parse(GOOD + section.replace(old, new), SECRET="canary-3")
    told = str(caught.value)
    assert says in told
    assert (caught.value.line or 0) > GOOD.count("\n")
    assert "canary" not in told


@pytest.mark.parametrize(("written", "says"), [(None, "can't be read"), ("\n", "is empty")])
def test_a_secrets_file_that_is_none_is_told(
    tmp_path: Path, written: str | None, says: str
) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(GOOD + LDAP)
    if written is not None:
        (tmp_path / "ldap.secret").write_text(written)
    with pytest.raises(ConfigError, match=says):
        load_settings(file)
