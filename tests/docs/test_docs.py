"""The docs tell the truth: links lead somewhere, commands exist, examples are accepted."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer.main

from vms.cli.commands import app
from vms.core.config_file import parse_settings
from vms.core.model import Cause

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_in_the_docs_exist(page: Path) -> None:
    command = typer.main.get_command(app)
    known = set(command.commands)  # type: ignore[attr-defined]
    for language, text in _FENCE.findall(page.read_text()):
        if language in ("sh", "bash", "console", ""):
            for used in re.findall(r"^(?:\$ )?(?:\S+/)?vms ([a-z]+)", text, re.MULTILINE):
                assert used in known, f"{name(page)} shows `vms {used}`"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_toml_examples_are_accepted(page: Path) -> None:
    for language, text in _FENCE.findall(page.read_text()):
        # A simulated fleet is written in TOML too, with words of its own (vms.simulator.spec).
        if language == "toml" and "[[cameras]]" in text and "fleet.toml" not in text:
            variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "x")
            parse_settings(text, ROOT / "example.toml", variables)


def test_make_targets_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for used in re.findall(r"`make ([a-z]+)`", page.read_text()):
            assert used in targets, f"{name(page)} names `make {used}`"


def test_decisions_are_numbered_without_holes() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))


def test_the_example_settings_are_commented_and_valid() -> None:
    text = (ROOT / "cameras.toml").read_text()
    settings = parse_settings(text, ROOT / "cameras.toml", {})
    assert len(settings.cameras) == 6
    assert {camera["id"] for camera in tomllib.loads(text)["cameras"]} == {
        camera.id for camera in settings.cameras
    }


def test_every_cause_is_explained() -> None:
    page = (ROOT / "docs" / "gaps.md").read_text()
    for cause in Cause:
        assert f"`{cause}`" in page, f"docs/gaps.md does not explain {cause}"
