"""A settings file is read exactly, or refused with line, key and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from vms.core.clock import DAY, SECOND
from vms.core.config import Settings
from vms.core.config_camera import CameraSettings
from vms.core.config_file import check_writable, load_settings, parse_settings
from vms.core.config_values import parse_size
from vms.core.errors import ConfigError

GOOD = """\
[system]
name = "Örnek"
timezone = "Europe/Istanbul"
data = "./data"

[[volumes]]
path = "./video"
reserve = "10 GB"

[[retention]]
name = "default"
keep = "30 d"

[[cameras]]
id = "gate-north"
source = "rtsp://10.0.0.5/main"
location = { lat = 39.9, lon = 32.8, heading = 120, fov = 70 }

[[cameras]]
id = "gate-south"
source = "rtsp://10.0.0.6/main"
"""


def parse(text: str, **environment: str) -> Settings:
    return parse_settings(text, Path("/site/cameras.toml"), environment)


def test_values_and_defaults_are_read() -> None:
    settings = parse(GOOD)
    assert settings.system.data == Path("/site/data")
    assert settings.volumes[0].path == Path("/site/video")
    assert settings.volumes[0].reserve == 10_000_000_000
    assert settings.retention[0].keep == 30 * DAY
    assert settings.recorder.segment == 60 * SECOND
    assert settings.recorder.workers >= 1
    assert [camera.id for camera in settings.cameras] == ["gate-north", "gate-south"]
    assert settings.cameras[0].name == "gate-north"


def test_without_volumes_footage_lies_under_data() -> None:
    assert parse('[system]\ndata = "d"').volumes[0].path == Path("/site/d/video")


def test_credentials_leave_the_url() -> None:
    text = GOOD.replace("rtsp://10.0.0.5/main", "rtsp://vms:p%40ss@10.0.0.5/main")
    camera = parse(text).cameras[0]
    assert camera.source == "rtsp://10.0.0.5/main"
    assert camera.username == "vms"
    assert camera.password is not None
    assert camera.password.reveal() == "p@ss"
    assert "p@ss" not in repr(camera)
    assert "p@ss" not in camera.model_dump_json()


def test_a_password_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    text = GOOD + 'username = "u"\npassword = "${SOUTH}"\n'
    password = parse(text, SOUTH="geheim").cameras[1].password
    assert password is not None
    assert password.reveal() == "geheim"
    (tmp_path / "south.txt").write_text("aus-datei\n")
    file = tmp_path / "cameras.toml"
    file.write_text(GOOD + 'secret = "south.txt"\n')
    password = load_settings(file).cameras[1].password
    assert password is not None
    assert password.reveal() == "aus-datei"


def test_who_only_looks_at_the_archive_needs_no_secret_of_a_camera(tmp_path: Path) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(GOOD + 'username = "u"\npassword = "${SOUTH}"\n')
    with pytest.raises(ConfigError, match="SOUTH"):
        load_settings(file, {})
    assert [one.id for one in load_settings(file, {}, dials=False).cameras][1] == "gate-south"
    file.write_text(GOOD + 'secret = "is-not-here.txt"\n')
    with pytest.raises(ConfigError, match="is-not-here"):
        load_settings(file)
    assert load_settings(file, dials=False).cameras[1].password is None
    file.write_text(GOOD.replace("./data", "${DATA}"))
    with pytest.raises(ConfigError, match="DATA"):
        load_settings(file, {}, dials=False)


def test_all_paths_count_from_the_files_folder_and_spans_may_have_blanks() -> None:
    text = GOOD.replace('reserve = "10 GB"', 'durability = "1 s"')
    text += '[web]\ntls_certificate = "c.pem"\ntls_key = "k.pem"\n'
    text += '[audit]\ncertificates = "a.pem"\n'
    found = parse(text)
    assert found.volumes[0].durability == "1s"
    assert (found.web.tls_certificate, found.web.tls_key) == (
        Path("/site/c.pem"),
        Path("/site/k.pem"),
    )
    assert found.audit.certificates == Path("/site/a.pem")


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('id = "gate-south"', 'id = "gate-south"\nsorce = "x"', 21, "did you mean 'source'?"),
        ('source = "rtsp://10.0.0.6', 'sourc = "rtsp://10.0.0.6', 21, "did you mean 'source'?"),
        ('"gate-south"', '"gate-north"', 20, "already the camera of line 15"),
        ("Europe/Istanbul", "Europe/Stanbul", 3, "IANA name"),
        ("rtsp://10.0.0.6/main", "rstp://10.0.0.6/main", 21, "use a URL such as"),
        ("rtsp://10.0.0.6/main", "rtsp:///main", 21, "no host"),
        ("10 GB", "ten", 8, "'10 GB'"),
        ('id = "gate-south"\n', "", 19, "add a line id"),
        ('"gate-south"', '"Gate South"', 20, "lower-case"),
        ("[system]", "[sytem]", 1, "did you mean 'system'?"),
        ("lat = 39.9", "lat = 399", 17, "less than or equal to 90"),
        ("fov = 70", "fof = 70", 17, "did you mean 'fov'?"),
        ("30 d", "30 days", 12, "'30 d'"),
        ("10.0.0.6", "${NOPE}", 21, "NOPE"),
        ("[[volumes]]", '[web]\nlisten = "127.0.0.1:0"\n[[volumes]]', 7, "127.0.0.1:8080"),
        ('keep = "30 d"', "keep = [", 0, "not TOML"),
    ],
)
def test_a_mistake_is_named_with_line_and_remedy(old: str, new: str, line: int, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(GOOD.replace(old, new))
    assert caught.value.file == "/site/cameras.toml"
    assert says in str(caught.value)
    if line:
        assert caught.value.line == line
        assert f"cameras.toml:{line}:" in str(caught.value)


SCHEDULED = GOOD.replace(
    'source = "rtsp://10.0.0.6/main"\n',
    """source = "rtsp://10.0.0.6/main"
record = "schedule:office-hours"
privacy = "prayer"
pre_roll = "15 s"

[[schedules]]
name = "office-hours"
spans = ["mon-fri 08:00-18:00"]

[[schedules]]
name = "prayer"
spans = ["fri 12:30-14:00"]
""",
)


def test_schedules_are_read_and_named_by_cameras() -> None:
    camera = parse(SCHEDULED).cameras[1]
    assert (camera.schedule, camera.privacy) == ("office-hours", "prayer")
    assert (camera.pre_roll, camera.post_roll) == (15 * SECOND, 20 * SECOND)
    assert parse(SCHEDULED).schedules[0].weekly("Europe/Istanbul").name == "office-hours"


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("schedule:office-hours", "schedule:office", 22, "did you mean 'office-hours'?"),
        ('privacy = "prayer"', 'privacy = "night"', 23, "add it under [[schedules]]"),
        ("schedule:office-hours", "schedule:", 22, "is not a record mode"),
        ("fri 12:30-14:00", "fri 12:30-12:30", 32, "no length"),
        ("fri 12:30-14:00", "fri 12:30", 32, "'mon-fri 08:00-18:00'"),
        ('["fri 12:30-14:00"]', '["fri 12:30-14:00", "daily 13:00-13:30"]', 32, "overlaps"),
        ('["fri 12:30-14:00"]', "[]", 32, "has no span"),
        ('["fri 12:30-14:00"]', '"fri 12:30-14:00"', 32, "must be a list"),
        ('name = "prayer"', 'name = "office-hours"', 31, "is there already"),
        ('name = "prayer"', 'name = "Öğle"', 31, "can't name a schedule"),
        ('pre_roll = "15 s"', 'pre_roll = "2 min"', 24, "from '0 s' to '60 s'"),
        ('pre_roll = "15 s"', 'post_roll = "1 h"', 24, "from '0 s' to '10 min'"),
    ],
)
def test_a_wrong_schedule_is_named_with_line_and_remedy(
    old: str, new: str, line: int, says: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(SCHEDULED.replace(old, new))
    assert says in str(caught.value)
    assert caught.value.line == line


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_settings(tmp_path / "nothing.toml")


def test_an_unwritable_volume_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "video").write_text("a file where a folder should be")
    file = tmp_path / "cameras.toml"
    file.write_text(GOOD)
    with pytest.raises(ConfigError) as caught:
        check_writable(load_settings(file))
    assert caught.value.line == 7
    assert "can't be written" in str(caught.value)


def test_a_volume_that_cant_be_written_beside_one_that_can_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "gone").write_text("a file where a folder should be")
    file = tmp_path / "cameras.toml"
    file.write_text('[[volumes]]\npath = "gone"\n[[volumes]]\npath = "here"\n')
    check_writable(load_settings(file))
    (tmp_path / "here").rmdir()
    (tmp_path / "here").write_text("another")
    with pytest.raises(ConfigError) as caught:
        check_writable(load_settings(file))
    assert caught.value.line == 2


def test_sizes_know_decimal_and_binary_units() -> None:
    assert (parse_size("1.5 GB"), parse_size("1 GiB")) == (1_500_000_000, 1 << 30)


def test_socket_paths_always_fit(tmp_path: Path) -> None:
    deep = parse(f'[system]\ndata = "{tmp_path}/{"x" * 120}"')
    assert len(str(deep.socket_path("recorder-0"))) <= 100


@pytest.mark.parametrize(
    ("pasted", "password"),
    [
        ("rtsp://admin:S3cr/et@10.0.0.5/main", "S3cr/et"),
        ("rtsp://admin:1234/5@10.0.0.5/main", "1234/5"),
        ("rtsp://admin:S3cr#et@10.0.0.5/main", "S3cr#et"),
        ("rtsp://admin:S3cr?e@t@10.0.0.5/main", "S3cr?e@t"),
        ("rtsp://admin:S3[cr@10.0.0.5/main", "S3[cr"),
    ],
)
def test_a_pasted_password_leaves_the_url_whatever_signs_it_has(pasted: str, password: str) -> None:
    camera = parse(GOOD.replace("rtsp://10.0.0.5/main", pasted)).cameras[0]
    assert camera.source == "rtsp://10.0.0.5/main"
    assert camera.password is not None
    assert (camera.username, camera.password.reveal()) == ("admin", password)


@pytest.mark.parametrize(
    "url", ["rtsp://10.0.0.5:554/a@1/b.c", "rtsp://nvr:554/x@y", "rtsp://h/a@b"]
)
def test_an_at_sign_in_a_path_is_no_password(url: str) -> None:
    camera = parse(GOOD.replace("rtsp://10.0.0.5/main", url)).cameras[0]
    assert (camera.source, camera.username) == (url, None)


@pytest.mark.parametrize(
    ("pasted", "kept"),
    [
        ("rtsp://h/user=a_password=S3cret_channel=1_stream=0.sdp?real_stream",
         "rtsp://h/user=a_password={password}_channel=1_stream=0.sdp?real_stream"),
        ("rtsp://h/ch0?user=a&Password=S3cret&x=1", "rtsp://h/ch0?user=a&Password={password}&x=1"),
        ("rtsp://h/mpeg4?pwd=S3cret", "rtsp://h/mpeg4?pwd={password}"),
        ("rtsp://h/user=a&password=S3cret&channel=1", "rtsp://h/user=a&password={password}&channel=1"),
    ],
)  # fmt: skip
def test_a_password_among_the_words_of_an_address_leaves_it_too(pasted: str, kept: str) -> None:
    camera = parse(GOOD.replace("rtsp://10.0.0.5/main", pasted)).cameras[0]
    assert camera.source == kept
    assert camera.password is not None
    assert camera.password.reveal() == "S3cret"


@pytest.mark.parametrize("url", ["rtsp://h/password", "rtsp://h/x?bypass=1", "rtsp://h/a?pwd="])
def test_a_word_like_password_without_one_is_left(url: str) -> None:
    camera = parse(GOOD.replace("rtsp://10.0.0.5/main", url)).cameras[0]
    assert (camera.source, camera.password) == (url, None)


def test_two_passwords_for_one_camera_are_refused_without_showing_them() -> None:
    text = GOOD.replace(
        'rtsp://10.0.0.5/main"',
        'rtsp://a:S3cret@10.0.0.5/main"\nsub = "rtsp://b:S3cret@10.0.0.5/x"',
    )
    with pytest.raises(ConfigError, match="source and sub name different users") as caught:
        parse(text)
    assert "S3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[[volumes]]\npath = 'v'\nreserve = '" + "9" * 400 + " GB'", 3, "is not a size"),
        ("[recorder]\nsegment = '" + "9" * 5_000 + " s'", 2, "is not a length of time"),
        ("[recorder]\nsegment = '1 h'", 2, "must be from '2 s' to '10 min'"),
        ("a = " + "[" * 2_000 + "]" * 2_000, None, "brackets in brackets"),
        ("[system]\ndata = 'a\\u0000b'".replace("'", '"'), 2, "zero byte"),
        ("[system]\ndata = '~nosuchuser/x'", 2, "no user with a home folder"),
        ("[[system]]\nname = 'x'", 1, "must be a table"),
        ("[cameras]\nid = 'a'", 1, "must be a list"),
        ("file = 'x'", 1, "no such setting"),
        ("[system]\ndatabase = 'sqlite://'", 2, "not a database we know"),
        ("[[volumes]]\npath = 'v'\n[[volumes]]\npath = './v/../v'", 4, "already a volume"),
        ("[[volumes]]\npath = 'v'\n[[volumes]]\npath = 'v/w'", 4, "one in the other"),
        ("[[cameras]]\nid = 'a'\nsource = \"rtsp://h/x\\r\\nEvil: 1\"", 3, "line break"),
        ("[[cameras]]\nid = 'a'\nsource = 'rtsp://10.0.0.1 /x'", 3, "space in its host"),
        ("[[cameras]]\nid = 'a'\nsource = 'rtsp://h/x'\npassword = 12", 4, "text in quotes"),
    ],
)
def test_odd_files_are_refused_by_line_and_never_with_a_traceback(
    text: str, line: int | None, says: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        parse(text)
    assert caught.value.line == line


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    file = tmp_path / "cameras.toml"
    file.write_text(GOOD, encoding="utf-8-sig")
    assert load_settings(file).system.name == "Örnek"


def test_a_relative_sqlite_file_lies_beside_the_settings() -> None:
    settings = parse('[system]\ndatabase = "sqlite:///here.db"')
    assert settings.database_url == "sqlite:////site/here.db"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("10.0.0.5", "http://10.0.0.5/onvif/device_service"),
        ("10.0.0.5:8000", "http://10.0.0.5:8000/onvif/device_service"),
        ("https://[fe80::1]/", "https://[fe80::1]/onvif/device_service"),
        ("http://10.0.0.5/onvif/services", "http://10.0.0.5/onvif/services"),
    ],
)
def test_where_a_camera_speaks_onvif_may_be_said_shortly(written: str, meant: str) -> None:
    assert CameraSettings(id="a", source="rtsp://10.0.0.5/x", onvif=written).onvif == meant


@pytest.mark.parametrize(
    "written", ["", "http://", "rtsp://10.0.0.5", "http://a:b@10.0.0.5", "a b"]
)
def test_where_no_camera_speaks_onvif_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="onvif"):
        CameraSettings(id="a", source="rtsp://10.0.0.5/x", onvif=written)
