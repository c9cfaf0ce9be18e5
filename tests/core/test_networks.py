"""What may be dialled is decided on what a number means, not on how it is written."""

from __future__ import annotations

import pytest

from tests.web.site import settings_in
from vms.core.config import Settings
from vms.core.networks import ANYWHERE, PRIVATE, Networks, meant


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
        "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
    ],
)  # fmt: skip
def test_the_metadata_of_clouds_is_nowhere_dialled(host: str) -> None:
    assert not ANYWHERE.allows(host)
    assert not Networks(("0.0.0.0/0", "::/0")).allows(host)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("10.1.2.3", True), ("192.168.0.9", True), ("fd12::1", True), ("::ffff:10.0.0.1", True),
        ("127.0.0.1", False), ("::1", False), ("::ffff:127.0.0.1", False), ("0.0.0.0", False),
        ("169.254.1.1", False), ("fe80::1%eth0", False), ("8.8.8.8", False), ("::", False),
        ("localhost", False), ("10.0.0", False), ("", False), ("64:ff9b::7f00:1", False),
    ],
)  # fmt: skip
def test_by_default_private_networks_are(host: str, allowed: bool) -> None:
    assert Networks(PRIVATE).allows(host) is allowed


def test_what_is_no_number_means_none() -> None:
    assert meant("camera.test") is None
    assert meant("0x7f000001") is None


def test_the_file_reaches_what_it_names(tmp_path) -> None:  # type: ignore[no-untyped-def]
    base = settings_in(tmp_path).model_dump(exclude={"network", "cameras"})
    cameras = [{"id": "a", "source": "rtsp://127.0.0.5/x"}, {"id": "b", "source": "rtsp://gate/x"}]
    settings = Settings.model_validate(base | {"cameras": cameras})
    assert settings.reach.allows("127.0.0.5")
    assert not settings.reach.allows("127.0.0.1")
    kept = Settings.model_validate_json(settings.model_dump_json(exclude={"cameras"}))
    assert kept.reach == settings.reach  # a process that starts anew reaches the same
