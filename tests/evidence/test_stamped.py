"""An authority's stamp in a package: when the ledger's head existed, said by somebody else."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.ledger.stamps import Stamps
from tests.evidence.house import GATE, START, Site, usual
from tests.evidence.test_package import key_of
from tests.storage.ledger.test_stamps import Authority
from vms.app.evidence import newest_stamp
from vms.core.config_storage import LedgerSettings
from vms.evidence.export import Exported, Exporter
from vms.evidence.verification import verify_package

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    folder = tmp_path / "authority"
    folder.mkdir()
    one = Authority(folder)
    thread = threading.Thread(target=one.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield one
    one.server.shutdown()
    thread.join()
    one.server.server_close()


def stamped(site: Site, authority: Authority, path: Path) -> Exported:
    """The ledger's head is stamped, the ledger grows, and then footage is handed out."""
    settings = LedgerSettings(authority=authority.url, certificates=authority.certificate)
    exporter = site.exporter()
    exporter.house.places(GATE, START, site.at)
    stamps: Stamps = site.ledger.stamps(settings)
    stamps.want(site.ledger.checkpoint())
    assert stamps.ask(threading.Event()) == 1
    site.export(0, 4, path.with_name("before.zip"))
    house = replace(exporter.house, stamp=lambda size: newest_stamp(site.ledger, settings, size))
    return Exporter(house, exporter.disk, site.clock).run(site.order(2.5, 11), path)


def test_a_stamped_package_is_green_and_openssl_reads_the_stamp(
    tmp_path: Path, authority: Authority
) -> None:
    site = usual(tmp_path)
    path = tmp_path / "x.zip"
    stamped(site, authority, path)
    verdict = verify_package(path, key=key_of(site), certificates=authority.certificate)
    assert verdict.good, verdict
    assert verdict.notes == ()
    assert verdict.facts["stamped"]
    loose = verify_package(path, key=key_of(site))
    assert loose.good
    assert "--certificates" in loose.notes[0]
    with zipfile.ZipFile(path) as zip_:
        zip_.extractall(tmp_path / "out")
    assert authority.second_opinion(tmp_path / "out/stamp.note", tmp_path / "out/stamp.tsr")
    site.close()


def test_another_authority_is_found_out(tmp_path: Path, authority: Authority) -> None:
    site = usual(tmp_path)
    path = tmp_path / "x.zip"
    stamped(site, authority, path)
    other = tmp_path / "other.pem"
    made = ("-keyout", str(tmp_path / "k"), "-out", str(other), "-subj", "/CN=Other")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *made]
    subprocess.run(command, check=True, capture_output=True)
    verdict = verify_package(path, certificates=other)
    assert not verdict.good
    assert "the stamp is not right" in verdict.sentence
    assert "--certificates" in verify_package(path, certificates=tmp_path / "none").sentence
    site.close()


def test_a_stamp_of_something_else_is_red(tmp_path: Path, authority: Authority) -> None:
    """Even when the institution itself signs it: its word is not the authority's."""
    site = usual(tmp_path)
    path = tmp_path / "x.zip"
    stamped(site, authority, path)
    signer = site.ledger.keys.signers()[0]
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    with zipfile.ZipFile(path) as zip_:
        facts = json.loads(zip_.read("manifest.json"))
        whole = {name: zip_.read(name) for name in zip_.namelist()}
    stamp = facts["ledger"]["stamp"]
    stamp["path"] = [base64.b64encode(bytes(32)).decode()]
    data = json.dumps(facts, ensure_ascii=False).encode()
    key = Ed25519PrivateKey.from_private_bytes(signer.seed)
    whole |= {"manifest.json": data, "manifest.json.sig": key.sign(data)}
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as zip_:
        for name, content in whole.items():
            zip_.writestr(name, content)
    verdict = verify_package(tmp_path / "y.zip")
    assert not verdict.good
    assert "stamped head" in verdict.sentence
    site.close()
