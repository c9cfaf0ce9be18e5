"""The command line: facts as JSON, errors as one line, exit codes 0, 1 and 2."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vms.cli.options import instant
from vms.core.clock import MINUTE, SystemClock
from vms.core.errors import BadRequest

SETTINGS = """
[[cameras]]
id = "gate-north"
name = "Kuzey Kapı"
source = "rtsp://vms:gizli@10.255.255.1/main"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "cameras.toml"
    file.write_text(SETTINGS)
    return file


def vms(
    *arguments: str, config: Path | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    more = ("--config", str(config)) if config is not None else ()
    command = [sys.executable, "-m", "vms", *arguments, *more]
    return subprocess.run(command, capture_output=True, text=True, input=stdin, check=False)


def test_apply_prints_the_difference_and_then_nothing(config: Path) -> None:
    assert "+ gate-north: added" in vms("apply", "--dry-run", config=config).stdout
    assert "+ gate-north: added" in vms("apply", config=config).stdout
    assert vms("apply", config=config).stdout == "Nothing to change.\n"


def test_cameras_have_the_fields_of_the_contract(config: Path) -> None:
    vms("apply", config=config)
    cameras = json.loads(vms("cameras", "--json", config=config).stdout)
    wanted = {"id", "name", "state", "since", "source", "fps", "bitrate", "last_frame"}
    assert wanted | {"clock_offset_ms", "problem"} <= set(cameras[0])
    assert cameras[0]["state"] == "stopped"


def test_a_settings_file_named_before_a_subcommand_is_its_own(config: Path) -> None:
    vms("apply", config=config)
    given = ("--config", str(config))
    span = ("--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00Z")
    pack = ("pack", "gate-north", *span, "-o", str(config.parent / "pack.zip"))
    for said in (("cameras", *given, "export"), ("audit", *given, *pack)):
        command = [sys.executable, "-m", "vms", *said]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, done.stderr


def test_segments_and_gaps_of_a_camera_without_footage_are_empty_lists(config: Path) -> None:
    vms("apply", config=config)
    for command in ("segments", "gaps"):
        done = vms(command, "gate-north", "--json", config=config)
        assert (done.returncode, json.loads(done.stdout)) == (0, [])


def test_a_dump_never_shows_the_password(config: Path) -> None:
    vms("apply", config=config)
    done = vms("dump", config=config)
    assert "gizli" not in done.stdout + done.stderr
    assert "${GATE_NORTH_PASSWORD}" in done.stdout


def test_what_goes_wrong_on_the_way_stands_in_no_facts(tmp_path: Path) -> None:
    config = tmp_path / "cameras.toml"
    config.write_text(
        '[[cameras]]\nid = "a"\nsource = "rtsp://10.0.0.1/a"\nusername = "x"\npassword = "y"\n'
    )
    vms("apply", config=config)
    shutil.rmtree(tmp_path / "data" / "keys")
    done = vms("cameras", "--json", config=config)
    assert [fact["id"] for fact in json.loads(done.stdout)] == ["a"]
    assert "password can't be read" in done.stderr


def test_users_are_made_listed_and_removed(config: Path) -> None:
    made = vms("users", "add", "ayse", config=config)
    assert made.stdout.startswith("ayse: the password is ")
    assert vms("users", "add", "ayse", config=config).returncode == 1
    done = vms("users", "add", "veli", "--password-stdin", config=config, stdin="yeterince-uzun\n")
    assert done.returncode == 0
    names = [
        user["name"] for user in json.loads(vms("users", "list", "--json", config=config).stdout)
    ]
    assert names == ["ayse", "veli"]
    assert vms("users", "remove", "veli", config=config).returncode == 0


def test_a_token_is_narrowed_listed_and_revoked(config: Path) -> None:
    vms("users", "add", "ayse", config=config)
    narrow = ("--label", "wall", "--days", "7", "--permit", "live", "--cameras", "gate-*")
    token = vms("users", "token", "ayse", *narrow, config=config).stdout.strip()
    assert token.startswith("vms_")
    listed = vms("users", "doors", "ayse", "--json", config=config).stdout
    (door,) = json.loads(listed)
    assert (door["permissions"], door["cameras"], door["used"]) == (["live"], ["gate-*"], None)
    assert token not in listed
    wrong = vms("users", "token", "ayse", "--permit", "fly", config=config)
    assert (wrong.returncode, "own_session" in wrong.stderr) == (2, True)
    assert vms("users", "shut", "ayse", door["id"], config=config).returncode == 0
    assert json.loads(vms("users", "doors", "ayse", "--json", config=config).stdout) == []
    told = vms("audit", "--kind", "people", "--json", config=config).stdout
    assert "make a token: wall, 7 d, only live on gate-*" in told
    assert token not in told


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("segments", "nobody"), 1, "no camera 'nobody'"),
        (("segments", "Bad Id"), 2, "camera/main"),
        (("gaps", "gate-north", "--from", "yesterday"), 2, "RFC 3339"),
        (("gaps", "gate-north", "--from", "now", "--to", "1 h ago"), 2, "must lie before"),
        (("verify", "--level", "deep"), 2, "presence, size, hash"),
        (("frame", "gate-north", "--at", "now", "-o", "-", "--width", "-5"), 2, "--width"),
        (("no-such-command",), 2, "No such command"),
        (("users", "remove", "nobody"), 1, "no account"),
    ],
)
def test_errors_are_one_line_with_their_exit_code(
    config: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    known = arguments[0] != "no-such-command"
    done = vms(*arguments, config=config if known else None)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_settings_file_is_named(tmp_path: Path) -> None:
    done = vms("cameras", config=tmp_path / "none.toml")
    assert done.returncode == 1
    assert "no such file" in done.stderr


def test_the_openapi_document_is_printed() -> None:
    document = json.loads(vms("openapi", config=Path("of-no-matter.toml")).stdout)
    assert "/api/cameras/{camera}/timeline" in document["paths"]


def test_times_of_the_command_line() -> None:
    now = SystemClock().now()
    ago = instant("10 min ago")
    assert ago is not None
    assert abs(now - ago - 10 * MINUTE) < MINUTE
    assert instant("2026-11-22T14:32:07+03:00") == instant("2026-11-22T11:32:07Z")
    with pytest.raises(BadRequest):
        instant("14:32")


@pytest.mark.parametrize("command", ["cameras", "verify", "web", "up"])
def test_a_data_folder_that_cannot_be_made_is_one_line(command: str, tmp_path: Path) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text('[system]\ndata = "/proc/nowhere"\n')
    done = vms(command, config=file)
    assert done.returncode == 1
    assert "system.data: /proc/nowhere can't be" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vms.app.roles", "worker", "--running", str(tmp_path / "no")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No such file" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_frame_of_a_camera_that_is_none_says_so(config: Path) -> None:
    done = vms("frame", "nowhere", "--at", "now", "--output", "-", config=config)
    assert (done.returncode, done.stderr) == (1, "vms: there is no camera 'nowhere'\n")


RETENTION = """
[[retention]]
name = "default"
keep = "30 d"
reason = "Yönerge"
"""


def test_retention_shows_rules_and_days_kept_and_what_would_go(config: Path) -> None:
    config.write_text(SETTINGS + RETENTION)
    applied = vms("apply", config=config)
    assert "+ retention rule default: added" in applied.stdout
    assert "[[retention]]" in vms("dump", config=config).stdout
    facts = json.loads(vms("retention", "--json", config=config).stdout)
    (rule,) = facts["rules"]
    assert (rule["name"], rule["keep"], rule["origin"]) == ("default", 30 * 86_400.0, "file")
    assert rule["matches"] == ["gate-north"]
    (camera,) = facts["cameras"]
    assert (camera["camera"], camera["promised"], camera["kept"]) == ("gate-north", 2_592_000.0, 0)
    assert "gate-north" in vms("retention", config=config).stdout
    dry = vms("retention", "--dry-run", "--json", config=config)
    assert (dry.returncode, json.loads(dry.stdout)) == (0, [])
    assert "The clock is taken as right" in vms("retention", "--confirm", config=config).stdout
    assert vms("retention", "--confirm", "--dry-run", config=config).returncode == 2


def test_a_rule_that_would_delete_everything_is_refused_and_nothing_changes(config: Path) -> None:
    vms("apply", config=config)
    config.write_text(SETTINGS + RETENTION.replace('keep = "30 d"', 'quota = "0 B"'))
    done = vms("apply", config=config)
    assert done.returncode == 1
    assert "a quota of 0 would delete everything" in done.stderr
    assert "cameras.toml:7" in done.stderr or "cameras.toml:8" in done.stderr
    assert "[[retention]]" not in vms("dump", config=config).stdout
