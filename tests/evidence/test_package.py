"""Packages: whole, green where untouched, red where anything was."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.ledger.leaves import ExportLeaf, parse
from tests.evidence.house import GATE, START, Site, usual
from vms.core.clock import SECOND
from vms.core.errors import NotFound, VmsError
from vms.core.secret import Secret
from vms.evidence.keys import public_pem
from vms.evidence.order import Refused
from vms.evidence.packing import Unwritable
from vms.evidence.verification import Verdict, verify_package


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return usual(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def package(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "teslim.zip"
    site.export(2.53, 23.4, path)
    return path


def key_of(site: Site) -> str:
    return str(site.ledger.keys.verifiers()[0])


def manifest_of(package: Path) -> dict:  # type: ignore[type-arg]
    with zipfile.ZipFile(package) as zip_:
        return json.loads(zip_.read("manifest.json"))  # type: ignore[no-any-return]


def rewritten(package: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The package with its members changed; None takes one out."""
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            data = change(info.filename, old.read(info))
            if data is not None:
                new.writestr(info.filename, data)
    return target


def test_an_untouched_package_is_green(site: Site, package: Path) -> None:
    verdict = verify_package(package, key=key_of(site))
    assert verdict.good, verdict
    assert verdict.sentence.startswith("GREEN: teslim.zip is as Örnek Belediyesi handed it out")
    assert verdict.findings == verdict.notes == ()
    # The first and the last file are handed out in part.
    assert verdict.facts["segments"] == {"proven": 3, "vouched": 2}


def test_without_a_known_key_green_says_what_to_compare(package: Path, site: Site) -> None:
    verdict = verify_package(package)
    assert verdict.good
    assert key_of(site) in verdict.notes[0]


def test_the_manifest_says_what_was_asked_and_what_was_given(package: Path) -> None:
    facts = manifest_of(package)
    assert facts["requested"] == {
        "start": "2025-11-22T08:26:42.530000000Z",
        "end": "2025-11-22T08:27:03.400000000Z",
        "start_local": "2025-11-22T11:26:42.530+03:00",
        "end_local": "2025-11-22T11:27:03.400+03:00",
    }
    assert (facts["by"], facts["reason"]) == (
        "mehmet",
        "2026/1234 soruşturma, İstanbul C. Başsavcılığı",
    )
    assert facts["system"]["timezone"] == "Europe/Istanbul"
    (camera,) = facts["cameras"]
    assert [(gap["cause"], gap["seconds"]) for gap in camera["gaps"]] == [("unreachable", 5.0)]
    starts = [span["start"][17:23] for span in camera["delivered"]]
    assert starts == ["42.520", "57.000", "01.000"]
    for clip in camera["clips"]:
        for segment in clip["segments"]:
            assert segment["ledger"]["path"], "each segment has its inclusion proof"


def test_the_ledger_learns_of_it_before_the_file_has_its_name(site: Site, package: Path) -> None:
    leaves = [parse(line) for _, line in site.ledger.leaves()]
    (leaf,) = [leaf for leaf in leaves if isinstance(leaf, ExportLeaf)]
    with zipfile.ZipFile(package) as zip_:
        digest = hashlib.sha256(zip_.read("manifest.json")).digest()
    assert (leaf.by, leaf.cameras, leaf.sha256) == ("mehmet", (GATE.camera,), digest)
    assert leaf.size == package.stat().st_size


def test_openssl_and_sha256sum_say_the_same(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as zip_:
        zip_.extractall(tmp_path)
    command = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in manifest.json -sigfile manifest.json.sig"  # noqa: E501
    assert command in (tmp_path / "README.txt").read_text()
    assert command in (tmp_path / "BENIOKU.txt").read_text()
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)
    sums = hashlib.sha256((tmp_path / "SHA256SUMS").read_bytes()).hexdigest()
    assert sums in (tmp_path / "manifest.json").read_text()
    with (tmp_path / "manifest.json").open("a") as file:
        file.write(" ")
    done = subprocess.run(command.split(), cwd=tmp_path, check=False, capture_output=True)
    assert done.returncode != 0


def test_a_stored_file_can_be_put_together_again_by_hand(package: Path, site: Site) -> None:
    """As docs/evidence.md tells a stranger: the shell, and for each `mdat` the next samples."""
    clip = manifest_of(package)["cameras"][0]["clips"][0]
    with zipfile.ZipFile(package) as zip_:
        film, shells = zip_.read(clip["file"]), zip_.read(clip["shell"])
    segment = next(one for one in clip["segments"] if one["shell"] is not None)
    (at, _), (begins, length) = segment["coded"], segment["shell"]
    shell, out, place = shells[begins : begins + length], b"", 0
    while place < len(shell):
        size, kind = int.from_bytes(shell[place : place + 4], "big"), shell[place + 4 : place + 8]
        if kind == b"mdat":
            out += shell[place : place + 8] + film[at : at + size - 8]
            place, at = place + 8, at + size - 8
        else:
            out += shell[place : place + size]
            place += size
    stored = site.archive.segments(GATE, START, site.at)
    assert out in [one.path.read_bytes() for one in stored]
    assert hashlib.sha256(out).hexdigest() == segment["sha256"]


MEMBERS = [
    "gate-north/gate-north_2025-11-22_11-26-42.mp4",
    "gate-north/gate-north_2025-11-22_11-26-42.srt",
    "gate-north/gate-north_2025-11-22_11-27-01.mp4",
    "proof/gate-north_2025-11-22_11-26-42.shell",
    "rapor.pdf",
    "checkpoint.txt",
    "key.pem",
    "README.txt",
    "BENIOKU.txt",
    "SHA256SUMS",
    "manifest.json",
    "manifest.json.sig",
]


@pytest.mark.parametrize("name", MEMBERS)
def test_a_flipped_bit_in_any_file_is_red(package: Path, tmp_path: Path, name: str) -> None:
    def flip(member: str, data: bytes) -> bytes:
        if member != name:
            return data
        at = random.Random(name).randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]

    verdict = verify_package(rewritten(package, tmp_path / "x.zip", flip))
    assert not verdict.good
    assert verdict.sentence.startswith("RED: ")
    assert name in verdict.sentence or name in "".join(verdict.findings), verdict


@pytest.mark.parametrize("name", MEMBERS)
def test_a_removed_file_is_red(package: Path, tmp_path: Path, name: str) -> None:
    changed = rewritten(package, tmp_path / "x.zip", lambda m, d: None if m == name else d)
    verdict = verify_package(changed)
    assert not verdict.good
    assert name in " ".join(verdict.findings), verdict


def test_an_added_file_is_red(package: Path, tmp_path: Path) -> None:
    shutil.copy(package, tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip", "a") as zip_:
        zip_.writestr("gate-north/extra.mp4", b"more")
    verdict = verify_package(tmp_path / "x.zip")
    assert verdict.findings == ("gate-north/extra.mp4 was added: the manifest does not list it",)


def test_swapped_clips_are_red(package: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(package) as zip_:
        first, second = zip_.read(MEMBERS[0]), zip_.read(MEMBERS[2])
    swap = {MEMBERS[0]: second, MEMBERS[2]: first}
    verdict = verify_package(rewritten(package, tmp_path / "x.zip", lambda m, d: swap.get(m, d)))
    assert not verdict.good


def test_every_cut_of_the_zip_is_red(package: Path, tmp_path: Path) -> None:
    data = package.read_bytes()
    rng = random.Random(1)
    for size in (0, 1, 21, 22, len(data) - 1, *(rng.randrange(len(data)) for _ in range(40))):
        (tmp_path / "x.zip").write_bytes(data[:size])
        verdict = verify_package(tmp_path / "x.zip")
        assert not verdict.good, size
        assert "cut off or damaged" in verdict.sentence


def test_random_changes_of_the_zip_are_red_or_change_nothing(
    package: Path, tmp_path: Path, site: Site
) -> None:
    """Flipped bits anywhere; what is green still has every file byte for byte."""
    data = package.read_bytes()
    with zipfile.ZipFile(package) as zip_:
        whole = {name: zip_.read(name) for name in zip_.namelist()}
    for number in range(150):
        rng = random.Random(number)
        changed = bytearray(data)
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        (tmp_path / "x.zip").write_bytes(changed)
        verdict = verify_package(tmp_path / "x.zip", key=key_of(site))
        if verdict.good:  # a bit of a date, of an attribute: no file's
            with zipfile.ZipFile(tmp_path / "x.zip") as zip_:
                assert {name: zip_.read(name) for name in zip_.namelist()} == whole


def forged(package: Path, target: Path, change: Callable[[dict], None]) -> Path:  # type: ignore[type-arg]
    """The manifest changed and signed anew with another key, which takes the old one's place."""
    key = Ed25519PrivateKey.generate()
    facts = manifest_of(package)
    change(facts)
    data = json.dumps(facts, ensure_ascii=False).encode()
    swap = {
        "manifest.json": data,
        "manifest.json.sig": key.sign(data),
        "key.pem": public_pem(key.public_key().public_bytes_raw()),
    }
    return rewritten(package, target, lambda m, d: swap.get(m, d))


def test_a_manifest_signed_with_a_foreign_key_is_red(
    package: Path, tmp_path: Path, site: Site
) -> None:
    verdict = verify_package(forged(package, tmp_path / "x.zip", lambda facts: None))
    assert not verdict.good
    assert "key" in verdict.sentence


def test_a_package_of_another_house_is_named_foreign(
    package: Path, tmp_path: Path, site: Site
) -> None:
    other = Site(tmp_path)
    from tests.storage.encoded import coded

    other.record(coded())
    other.export(0, 4, tmp_path / "other.zip")
    verdict = verify_package(tmp_path / "other.zip", key=key_of(site))
    assert not verdict.good
    assert "signed with a foreign key" in verdict.sentence
    pem = tmp_path / "key.pem"
    with zipfile.ZipFile(package) as zip_:
        pem.write_bytes(zip_.read("key.pem"))
    assert not verify_package(tmp_path / "other.zip", key=str(pem)).good
    assert verify_package(package, key=str(pem)).good
    other.close()


@pytest.mark.parametrize("key", ["nonsense", "/nowhere/key.pem", "a+00000000+AAAA", ""], ids=str)
def test_a_key_that_is_none_is_said_to_be(package: Path, key: str) -> None:
    verdict = verify_package(package, key=key)
    assert not verdict.good
    assert "--key" in verdict.sentence


def test_a_password_is_needed_and_must_be_right(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    site.export(2.5, 11, path, password="gizli şifre")
    assert verify_package(path, Secret("gizli şifre"), key_of(site)).good
    assert "give its password" in verify_package(path).sentence
    verdict = verify_package(path, Secret("wrong"))
    assert not verdict.good
    assert "password is wrong" in verdict.sentence
    with zipfile.ZipFile(path) as zip_, pytest.raises((RuntimeError, NotImplementedError)):
        zip_.read("manifest.json")


def test_a_changed_bit_of_an_encrypted_package_is_red(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    site.export(2.5, 11, path, password="p")
    data = bytearray(path.read_bytes())
    data[10_000] ^= 1
    path.write_bytes(data)
    assert not verify_package(path, Secret("p")).good


def test_7zip_opens_an_encrypted_package(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    site.export(2.5, 11, path, password="gizli")
    command = ["7z", "x", "-y", "-pgizli", f"-o{tmp_path / 'out'}", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    facts = json.loads((tmp_path / "out/manifest.json").read_text())
    for file in facts["files"]:
        data = (tmp_path / "out" / file["name"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == file["sha256"]


def test_a_segment_whose_bytes_changed_is_left_out_and_told(tmp_path: Path) -> None:
    site = usual(tmp_path)
    segment = site.archive.segments(GATE, START, site.at)[1]
    data = bytearray(segment.path.read_bytes())
    data[len(data) // 2] ^= 1
    segment.path.chmod(0o640)
    segment.path.write_bytes(data)
    site.export(0, 12, tmp_path / "x.zip")
    assert verify_package(tmp_path / "x.zip").good
    (camera,) = manifest_of(tmp_path / "x.zip")["cameras"]
    (gap,) = camera["gaps"]
    assert (gap["cause"], gap["seconds"]) == ("footage_damaged", 4.0)
    assert "SHA-256" in gap["detail"]
    assert len(camera["clips"][0]["segments"]) == 2
    site.close()


@pytest.mark.parametrize(
    ("start", "end", "cameras", "said"),
    [
        (4, 4, None, "before it begins"),
        (8, 4, None, "before it begins"),
        (0, 1_000, None, "in the future"),
        (-100, -50, None, "no footage of gate-north/main"),
        (12.5, 16.5, None, "the next begins at 2025-11-22T08:26:57"),
        (0, 4, ["nobody"], "no camera nobody"),
        (0, 4, [GATE.camera, GATE.camera], "named twice"),
        (0, 4, [], "from 1 to"),
    ],
)
def test_what_cant_be_handed_out_is_refused_in_a_sentence(
    site: Site,
    tmp_path: Path,
    start: float,
    end: float,
    cameras: list[str] | None,
    said: str,
) -> None:
    wanted = cameras if cameras is not None else [GATE.camera]
    with pytest.raises((Refused, NotFound), match=said):
        site.export(start, end, tmp_path / "x.zip", cameras=wanted)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cant_be_written_is_said(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match="No such file"):
        site.export(0, 4, tmp_path / "nowhere" / "x.zip")
    (tmp_path / "x.zip").write_bytes(b"mine")
    with pytest.raises(Unwritable, match="exists already"):
        site.export(0, 4, tmp_path / "x.zip")
    assert (tmp_path / "x.zip").read_bytes() == b"mine"


def test_a_camera_without_footage_is_told_beside_those_with(site: Site, tmp_path: Path) -> None:
    site.export(0, 4, tmp_path / "x.zip", cameras=[GATE.camera, "yard"], language="en")
    first, second = manifest_of(tmp_path / "x.zip")["cameras"]
    assert first["clips"]
    assert (second["id"], second["clips"], second["delivered"]) == ("yard", [], [])


def test_the_verifier_needs_no_database_and_no_network(package: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from vms.evidence.verification import "
        "verify_package; v = verify_package(Path(sys.argv[1])); assert v.good, v; "
        "bad = {'sqlalchemy', 'alembic', 'fastapi', 'av', 'aiohttp', 'storage.database'} "
        "& set(sys.modules); assert not bad, bad"
    )
    subprocess.run(["python", "-c", code, str(package)], check=True, env=_environment())


def _environment() -> dict[str, str]:
    import os
    import sys

    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2])}  # fmt: skip


def test_verdicts_are_json(package: Path) -> None:
    assert json.loads(json.dumps(verify_package(package).as_json()))["good"] is True
    assert isinstance(verify_package(package), Verdict)
    assert issubclass(Refused, VmsError)
    assert SECOND
