"""A manifest changed by whoever has the institution's own key: the ledger still contradicts it."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.evidence.house import Site, usual
from tests.evidence.test_package import key_of, rewritten
from vms.evidence.verification import verify_package

Facts = dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return usual(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def package(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "x.zip"
    site.export(2.53, 23.4, path, printed=False)
    return path


def whole(facts: Facts) -> Facts:
    """A segment that is handed out whole."""
    segments: list[Facts] = facts["cameras"][0]["clips"][0]["segments"]
    return next(one for one in segments if one["shell"] is not None)


def camera(facts: Facts) -> None:
    facts["cameras"][0]["id"] = "gate-south"


def span(facts: Facts) -> None:
    whole(facts)["start"] = "2025-11-22T09:26:44.000000000Z"


def end(facts: Facts) -> None:
    whole(facts)["end"] = "2025-11-22T09:26:48.000000000Z"


def hash_(facts: Facts) -> None:
    whole(facts)["sha256"] = "00" * 32


def size(facts: Facts) -> None:
    whole(facts)["bytes"] += 1


def part(facts: Facts) -> None:
    facts["cameras"][0]["clips"][0]["segments"][0]["coded_sha256"] = "00" * 32


def proof(facts: Facts) -> None:
    whole(facts)["ledger"]["path"][0] = base64.b64encode(bytes(32)).decode()


def place(facts: Facts) -> None:
    whole(facts)["ledger"]["place"] += 1


def line(facts: Facts) -> None:
    entry = whole(facts)["ledger"]
    entry["line"] = entry["line"].replace('"frames":100', '"frames":101')


def checkpoint(facts: Facts) -> None:
    name, count, *rest = facts["ledger"]["checkpoint"].split("\n")
    facts["ledger"]["checkpoint"] = "\n".join([name, str(int(count) + 1), *rest])


def film(facts: Facts) -> None:
    next(one for one in facts["files"] if one["name"].endswith(".mp4"))["sha256"] = "00" * 32


def page(facts: Facts) -> None:
    next(one for one in facts["files"] if one["name"] == "rapor.pdf")["bytes"] += 1


CONTRADICTED = [
    (camera, "its ledger entry says another stream"),
    (span, "its ledger entry says another start"),
    (end, "its ledger entry says another end"),
    (hash_, "it does not have the hash it was stored with"),
    (size, "its ledger entry says another size"),
    (part, "its samples are not those that were signed"),
    (proof, "its ledger entry is not under the signed head"),
    (place, "its ledger entry is not under the signed head"),
    (line, "its ledger entry is not under the signed head"),
    (checkpoint, "the ledger's head is not signed with the package's key"),
    (film, "gate-north_2025-11-22_11-26-42.mp4 was changed"),
    (page, "rapor.pdf has "),
]


def changed(package: Path, target: Path, change: Callable[[Facts], object], seed: bytes) -> Path:
    """The manifest changed, and signed anew unless there is no seed."""
    with zipfile.ZipFile(package) as zip_:
        facts = json.loads(zip_.read("manifest.json"))
    before = json.dumps(facts)
    change(facts)
    assert json.dumps(facts) != before
    data = json.dumps(facts, ensure_ascii=False).encode()
    swap = {"manifest.json": data}
    if seed:
        swap["manifest.json.sig"] = Ed25519PrivateKey.from_private_bytes(seed).sign(data)
    return rewritten(package, target, lambda name, old: swap.get(name, old))


@pytest.mark.parametrize(
    ("change", "said"), CONTRADICTED, ids=lambda one: getattr(one, "__name__", "")
)
def test_what_the_ledger_knows_better_is_red_and_named(
    site: Site, package: Path, tmp_path: Path, change: Callable[[Facts], object], said: str
) -> None:
    seed = site.ledger.keys.signers()[0].seed
    verdict = verify_package(changed(package, tmp_path / "y.zip", change, seed), key=key_of(site))
    assert not verdict.good
    assert verdict.sentence.startswith("RED: ")
    assert said in verdict.sentence


def requested(facts: Facts) -> None:
    facts["requested"]["start"] = "2025-11-22T08:00:00.000000000Z"


def gap(facts: Facts) -> None:
    facts["cameras"][0]["gaps"].clear()


def reason(facts: Facts) -> None:
    facts["reason"] = "another"


@pytest.mark.parametrize("change", [*(one for one, _ in CONTRADICTED), requested, gap, reason])
def test_any_change_without_the_key_is_red(
    package: Path, tmp_path: Path, change: Callable[[Facts], object]
) -> None:
    verdict = verify_package(changed(package, tmp_path / "y.zip", change, b""))
    assert not verdict.good
    assert "manifest.json or manifest.json.sig was changed" in verdict.sentence


def test_an_edited_page_is_red_and_named(package: Path, tmp_path: Path) -> None:
    def edit(name: str, data: bytes) -> bytes:
        return data.replace(b"nothing", b"notting") if name == "rapor.pdf" else data

    verdict = verify_package(rewritten(package, tmp_path / "y.zip", edit))
    assert not verdict.good
    assert "rapor.pdf was changed: its hash is not the signed one" in verdict.sentence
