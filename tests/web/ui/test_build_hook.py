"""The build hook decides by what stands in the folders, and says clearly when it can't build."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

HOOK = Path(__file__).parents[3] / "web" / "ui" / "build_hook.py"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("console_build_hook", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def ui(tmp_path: Path) -> Path:
    """A console of three files, not built yet."""
    folder = tmp_path / "ui"
    (folder / "src").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "package-lock.json").write_text("{}")
    (folder / "src" / "main.ts").write_text("let a = 1;")
    return folder


def built(hook: ModuleType, ui: Path, static: Path) -> None:
    static.mkdir()
    (static / "index.html").write_text("built")
    (static / hook.STAMP).write_text(hook.sources_hash(ui) + "\n")


def test_a_current_build_is_left_alone(hook: ModuleType, ui: Path, tmp_path: Path) -> None:
    static = tmp_path / "static"
    assert not hook.is_current(ui, static)
    built(hook, ui, static)
    assert hook.is_current(ui, static)
    assert hook.build(ui, static) is False


def test_any_change_of_a_source_asks_for_a_build(
    hook: ModuleType, ui: Path, tmp_path: Path
) -> None:
    static = tmp_path / "static"
    built(hook, ui, static)
    (ui / "src" / "main.ts").write_text("let a = 2;")
    assert not hook.is_current(ui, static)


def test_a_renamed_source_asks_for_a_build(hook: ModuleType, ui: Path, tmp_path: Path) -> None:
    static = tmp_path / "static"
    built(hook, ui, static)
    (ui / "src" / "main.ts").rename(ui / "src" / "other.ts")
    assert not hook.is_current(ui, static)


def test_unit_tests_and_installed_packages_are_no_sources(hook: ModuleType, ui: Path) -> None:
    before = hook.sources_hash(ui)
    (ui / "src" / "main.test.ts").write_text("test")
    (ui / "node_modules").mkdir()
    (ui / "node_modules" / "x.js").write_text("x")
    assert hook.sources_hash(ui) == before


def test_a_failing_build_names_the_step_and_keeps_the_old_screens(
    hook: ModuleType, ui: Path, tmp_path: Path
) -> None:
    static = tmp_path / "static"
    built(hook, ui, static)
    (ui / "src" / "main.ts").write_text("let a = 2;")
    (ui / "package-lock.json").write_text("not JSON")  # npm refuses at once, without the network
    with pytest.raises(hook.BuildFailed, match="npm ci"):
        hook.build(ui, static)
    assert (static / "index.html").read_text() == "built"
