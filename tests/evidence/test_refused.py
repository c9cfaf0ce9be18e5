"""A disk that refuses while a package is written: told, and no footage is left out for it."""

from __future__ import annotations

import errno
import gc
import json
import os
import zipfile
from pathlib import Path

import pytest

from storage.ledger.leaves import parse
from tests.evidence.house import Site
from tests.storage.encoded import coded
from tests.storage.sim_disk import SimDisk
from vms.evidence.packing import Package, Unwritable
from vms.evidence.verification import verify_package


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    site = Site(tmp_path_factory.mktemp("site"))
    site.record(coded())
    return site


def operations(site: Site, folder: Path) -> int:
    folder.mkdir()
    disk = SimDisk(folder)
    site.export(0.5, 4, folder / "x.zip", disk=disk, printed=False)
    return disk.done


@pytest.mark.parametrize("stubborn", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC], ids=errno.errorcode.get)
def test_a_disk_that_refuses_is_told_and_no_footage_is_left_out(
    site: Site, tmp_path: Path, number: int, stubborn: bool
) -> None:
    """Refused at any operation: one sentence and nothing written, or a package without a gap."""
    count = operations(site, tmp_path / "whole")
    kept = stored(site)
    for at in range(1, count + 1):
        folder = tmp_path / str(at)
        folder.mkdir()
        disk = SimDisk(folder, at=at, fault="refuse", errno=number, stubborn=stubborn)
        before = len(list(site.ledger.leaves()))
        said = refusal(site, folder / "x.zip", disk)
        if said:
            assert said == f"{folder / 'x.zip'} can't be written: {os.strerror(number)}"
            if not stubborn:
                assert [f for f in folder.iterdir() if f.name != "x.zip"] == [], disk.log[at - 1]
        if (folder / "x.zip").exists():
            assert verify_package(folder / "x.zip").good, disk.log[at - 1]
            assert gaps_in(folder / "x.zip") == [], disk.log[at - 1]
        else:
            new = [parse(line) for _, line in site.ledger.leaves()][before:]
            assert not new or disk.log[at - 1].startswith("rename"), disk.log[at - 1]
    assert stored(site) == kept
    print(f"{errno.errorcode[number]}: {count} cases")


def refusal(site: Site, path: Path, disk: SimDisk) -> str:
    """What an export to this disk is refused with; nothing if it is made."""
    try:
        site.export(0.5, 4, path, disk=disk, printed=False)
    except Unwritable as error:
        return str(error)
    return ""


def stored(site: Site) -> dict[str, bytes]:
    """Every stored file: an export changes none."""
    root = site.root / "video"
    return {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def gaps_in(package: Path) -> list[object]:
    with zipfile.ZipFile(package) as zip_:
        (camera,) = json.loads(zip_.read("manifest.json"))["cameras"]
    gaps: list[object] = camera["gaps"]
    return gaps


def test_an_abandoned_package_writes_nothing_to_whoever_has_its_descriptor_next(
    tmp_path: Path,
) -> None:
    disk = SimDisk(tmp_path, at=2, fault="refuse", errno=errno.ENOSPC)
    package = Package(disk, tmp_path / "x.zip")
    with pytest.raises(Unwritable), package, package.member("small") as out:
        out.write(b"held back")
    assert [name.split()[0] for name in disk.log[:2]] == ["create", "write"]
    with (tmp_path / "other").open("wb") as other:
        del package, out
        gc.collect()
        assert os.fstat(other.fileno()).st_size == 0
