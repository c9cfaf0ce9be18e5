"""A directory that runs by itself: OpenLDAP's slapd on free ports of the loopback."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ldap3
import pytest

BASE = "dc=example,dc=org"
ROOT = f"cn=root,{BASE}"
ROOT_PASSWORD = "canary-bind-password"
PEOPLE = {"ayse": "ayse directory pass", "veli": "veli directory pass", "can": "can directory pass"}
_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
database mdb
maxsize 10485760
suffix "{base}"
rootdn "{root}"
rootpw {password}
directory {folder}/db
overlay memberof
memberof-refint true
access to * by * read
"""


@dataclass(frozen=True, slots=True)
class Directory:
    """One that runs; `plain`, `tls`: its ports; `ca`: who signed its certificate."""

    plain: int
    tls: int
    ca: Path

    @contextlib.contextmanager
    def as_root(self) -> Iterator[ldap3.Connection]:
        server = ldap3.Server("127.0.0.1", self.plain, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, ROOT, ROOT_PASSWORD, raise_exceptions=True)
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def put_in(self, person: str, group: str) -> None:
        with self.as_root() as root:
            change = {"member": [(ldap3.MODIFY_ADD, [f"uid={person},ou=people,{BASE}"])]}
            root.modify(f"cn={group},ou=groups,{BASE}", change)

    def take_out(self, person: str, group: str) -> None:
        with self.as_root() as root:
            change = {"member": [(ldap3.MODIFY_DELETE, [f"uid={person},ou=people,{BASE}"])]}
            root.modify(f"cn={group},ou=groups,{BASE}", change)


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@contextlib.contextmanager
def directory(folder: Path) -> Iterator[Directory]:
    slapd = shutil.which("slapd", path="/usr/sbin:/usr/bin:/sbin")
    if slapd is None:
        pytest.fail("slapd is missing; .ci/packages installs it")
    (folder / "db").mkdir()
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    config = folder / "slapd.conf"
    config.write_text(_CONFIG.format(folder=folder, base=BASE, root=ROOT, password=ROOT_PASSWORD))
    found = Directory(_free(), _free(), folder / "cert.pem")
    urls = f"ldap://127.0.0.1:{found.plain} ldaps://127.0.0.1:{found.tls}"
    command = [slapd, "-f", str(config), "-h", urls, "-d", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        try:
            _await(found.plain, process)
            _fill(found)
            yield found
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, process.stderr and process.stderr.read()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail("slapd did not come up within 30 s")


def _fill(found: Directory) -> None:
    with found.as_root() as root:
        root.add(BASE, ["dcObject", "organization"], {"dc": "example", "o": "Example"})
        for unit in ("people", "groups", "others"):
            root.add(f"ou={unit},{BASE}", "organizationalUnit")
        for name, password in PEOPLE.items():
            values = {"cn": f"{name.title()} Yılmaz", "sn": "Yılmaz", "userPassword": password}
            root.add(f"uid={name},ou=people,{BASE}", "inetOrgPerson", values)
        groups = (
            ("vms-operators", "groups", "ayse"),
            ("vms-admins", "groups", "can"),
            ("vms-admins", "others", "veli"),  # of the same name, made by somebody else
        )
        for group, unit, name in groups:
            member = {"member": [f"uid={name},ou=people,{BASE}"]}
            root.add(f"cn={group},ou={unit},{BASE}", "groupOfNames", member)
        root.modify(
            f"cn=vms-operators,ou=groups,{BASE}",
            {"member": [(ldap3.MODIFY_ADD, [f"cn=nobody,{BASE}"])]},
        )  # a group of OpenLDAP is never empty
