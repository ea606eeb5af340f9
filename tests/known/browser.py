"""A browser without a window: what it makes of a page, what it complains of, what a script in the page answers."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
needed = pytest.mark.skipif(BROWSER is None, reason="there is no chromium or chrome to open the page in")


def shown(page: Path, folder: Path, behind: str = "") -> tuple[str, str]:
    """Return the elements a browser makes of a page, and what it complains of.

    ``behind`` stands behind the address; ``folder`` is where the browser may write.
    """
    done = subprocess.run(
        [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}",
         "--enable-logging=stderr", "--v=0", "--virtual-time-budget=4000", "--dump-dom", page.as_uri() + behind],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def asked(page: Path, folder: Path, script: str, behind: str = "") -> Any:
    """Return what a script, the body of an asynchronous function, answers in a page; nothing may be complained of."""
    ask = f"""<script>(async () => {{
        const answer = document.createElement("pre");
        answer.id = "answer";
        let found;
        try {{ found = await (async () => {{ {script} }})(); }} catch (error) {{ found = String(error.stack); }}
        answer.textContent = JSON.stringify(found);
        document.body.append(answer);
    }})()</script>"""
    copy = page.with_name(f"asked-{page.name}")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", f"{ask}</body>"), encoding="utf-8")
    dom, complaints = shown(copy, folder, behind)
    assert complaints == ""
    found = re.search(r'<pre id="answer">(.*?)</pre>', dom, flags=re.DOTALL)
    assert found, "the script did not end"
    return json.loads(html.unescape(found[1]))
