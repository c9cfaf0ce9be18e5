"""`vms storage tiers`: what stands in buckets, and whether they answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_commands import vms
from tests.storage.bucket_server import ACCESS, SECRET, bucket_server

TIER = """
[system]
data = "."
[[volumes]]
path = "video"
reserve = "0 GB"
[[tiers]]
name = "archive"
url = "s3://kayitlar/site"
endpoint = "{endpoint}"
access_key = "{access}"
secret_key = "{secret}"
after = "7 d"
"""


def test_tiers_are_listed_and_asked(tmp_path: Path) -> None:
    config = tmp_path / "cameras.toml"
    with bucket_server() as server:
        text = TIER.format(endpoint=server.endpoint, access=ACCESS, secret=SECRET)
        config.write_text(text)
        well = vms("storage", "tiers", "--json", config=config)
        assert well.returncode == 0, well.stderr
        (tier,) = json.loads(well.stdout)
        assert (tier["name"], tier["url"]) == ("archive", "s3://kayitlar/site")
        assert (tier["state"], tier["segments"], tier["bytes"]) == ("good", 0, 0)
        assert (tier["oldest"], tier["last_error"], tier["after"]) == (None, None, 604_800)
        server.stop()
        gone = vms("storage", "tiers", config=config)
        assert gone.returncode == 1
        assert "unreachable" in gone.stdout
        assert SECRET not in gone.stdout + gone.stderr + well.stdout
    config.write_text("".join(TIER.partition("[[tiers]]")[0]))
    assert "No [[tiers]] in the settings." in vms("storage", "tiers", config=config).stdout


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('endpoint = "10.0.0.9:9000"', "must be an address such as https://"),
        ('endpoint = "http://u:geheim@10.0.0.9"', "use access_key and secret_key"),
        ('access_key = "only-half"', "access_key and secret_key belong together"),
    ],
)
def test_a_tier_that_can_not_work_is_refused_with_its_remedy(
    tmp_path: Path, line: str, said: str
) -> None:
    config = tmp_path / "cameras.toml"
    head = TIER.partition("endpoint")[0]
    config.write_text(f'{head}{line}\nafter = "7 d"\n')
    refused = vms("storage", "tiers", config=config)
    assert refused.returncode in (1, 2)
    assert said in refused.stderr
    assert "geheim" not in refused.stderr
