"""The page for people: one sheet, its Turkish letters whole, its facts those of the manifest."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.evidence.house import GATE, Site, usual
from tests.storage.encoded import coded
from vms.core.model import Cause
from vms.evidence.words import cause_in, words_in


def text_of(package: Path, name: str, folder: Path) -> str:
    with zipfile.ZipFile(package) as zip_:
        (folder / "page.pdf").write_bytes(zip_.read(name))
    info = subprocess.run(["pdfinfo", "page.pdf"], cwd=folder, capture_output=True, text=True)
    assert "Pages:           1" in info.stdout
    fonts = subprocess.run(["pdffonts", "page.pdf"], cwd=folder, capture_output=True, text=True)
    for line in fonts.stdout.splitlines()[2:]:
        assert "DejaVu" in line
        assert " yes yes " in line, "embedded"
    done = subprocess.run(
        ["pdftotext", "-layout", "page.pdf", "-"], cwd=folder, capture_output=True, text=True
    )
    return done.stdout


@pytest.mark.parametrize(("language", "name"), [("tr", "rapor.pdf"), ("en", "report.pdf")])
def test_the_page_says_who_when_why_and_what_is_missing(
    tmp_path: Path, language: str, name: str
) -> None:
    site = usual(tmp_path)
    site.export(2.53, 23.4, tmp_path / "x.zip", language=language)
    text = text_of(tmp_path / "x.zip", name, tmp_path)
    for fact in (
        "Örnek Belediyesi",
        "2026-0001",
        "mehmet",
        "2026/1234 soruşturma, İstanbul C. Başsavcılığı",
        "22.11.2025 11:26:42 +03:00 – 22.11.2025 11:27:03 +03:00",
        "Kuzey Kapı (gate-north)",
        "gate-north_2025-11-22_11-26-42.mp4",
        "5.0 s",
        cause_in(language, Cause.UNREACHABLE),  # type: ignore[arg-type]
        str(site.ledger.keys.verifiers()[0]),
        "Europe/Istanbul",
    ):
        assert fact in text, fact
    site.close()


def test_many_gaps_stay_on_one_page(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for _ in range(40):
        site.record(coded(seconds=1), seconds=1)
        site.gap(2)
    site.record(coded(seconds=1), seconds=1)
    site.export(0, 120, tmp_path / "x.zip", cameras=[GATE.camera, "yard", "a" * 60])
    text = text_of(tmp_path / "x.zip", "rapor.pdf", tmp_path)
    assert "… ve 32 aralık daha" in text
    site.close()


def test_both_languages_have_the_same_words_with_the_same_places() -> None:
    english, turkish = words_in("en"), words_in("tr")
    assert english.keys() == turkish.keys()
    for word, text in english.items():
        wanted = {part.split("}")[0] for part in text.split("{")[1:]}
        assert wanted == {part.split("}")[0] for part in turkish[word].split("{")[1:]}, word
    for cause in Cause:
        assert cause_in("tr", cause) != cause.value, f"{cause} has no Turkish words"
        assert cause_in("en", cause) != cause.value or "_" not in cause.value
