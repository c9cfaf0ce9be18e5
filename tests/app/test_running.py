"""A process that is started again runs with the settings the system started with."""

from __future__ import annotations

from pathlib import Path

import pytest

from vms.app.running import keep_running, read_running, running_file
from vms.core.config_file import load_settings
from vms.core.errors import ConfigError

TEXT = """
[system]
name = "Örnek"
database = "postgresql://u:pw@h/x"
[recorder]
workers = 3
segment = "10 s"
[[volumes]]
path = "v"
reserve = "1 GB"
quota = "5 GB"
[[tiers]]
name = "cold"
url = "s3://bucket"
after = "1 d"
access_key = "AK"
secret_key = "bucket-secret"
[[retention]]
name = "default"
keep = "30 d"
[[cameras]]
id = "a"
source = "rtsp://user:gizli@127.0.0.1/x"
"""


def test_what_was_kept_is_what_ran_whatever_the_file_says_by_then(tmp_path: Path) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(TEXT)
    settings = load_settings(file)
    settings.make_run_dirs()
    keep_running(settings)
    file.write_text("not TOML at all [")
    kept = read_running(running_file(settings))
    assert kept == settings.model_copy(update={"cameras": ()})


def test_it_is_for_us_only_and_holds_no_camera_password(tmp_path: Path) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(TEXT)
    settings = load_settings(file)
    settings.make_run_dirs()
    keep_running(settings)
    keep_running(settings)
    kept = running_file(settings)
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "gizli" not in kept.read_text()


def test_what_cannot_be_read_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("{}")
    for name in ("bad", "none"):
        with pytest.raises(ConfigError, match="start the system anew"):
            read_running(tmp_path / name)
