"""Draw docs/demo.svg, a terminal in which ``stateroom demo`` plays: python docs/draw_demo.py

The lines are those that the command prints now, each shown a while after the one before. Readers
who prefer no motion see all of them at once.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = 80
LETTER = 8.43  # pixels of a letter of 14 px
LINE = 20
MARGIN = 18
BAR = 30  # the bar with the three buttons
STEP = 1.1  # seconds until the next step of the scene
PAUSE = 6  # seconds that the whole scene stays
COLOURS = {
    "killed": "#ff7b72",
    "hangs": "#d29922",
    "zombie": "#d29922",
    "refused": "#ff7b72",
    '"job-4711", and': "#7ee787",
    "success": "#7ee787",
}
STYLE = """
text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #c9d1d9;
       white-space: pre; }
.prompt { fill: #8b949e; }
"""


def printed() -> list[str]:
    """The lines that the command prints, up to the end of the scene."""
    with tempfile.TemporaryDirectory() as folder:
        text = subprocess.run(
            [sys.executable, "-m", "state", "demo", "--exit"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": folder},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    scene = text.partition("\nLook at it:")[0]
    scene = re.sub(r"http://127\.0\.0\.1:\d+", "http://127.0.0.1:8103", scene)
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "01920000-…", scene).splitlines()


def moments(lines: list[str]) -> Iterator[float]:
    """The second at which each line appears: those of the beginning at once."""
    second = 0.5
    for line in lines:
        if re.match(r"  try \d", line):
            second += STEP
        yield second


def colour(line: str) -> str:
    return next((colour for word, colour in COLOURS.items() if word in line), "#c9d1d9")


def drawn(lines: list[str]) -> str:
    """The picture, as SVG."""
    width = round(COLUMNS * LETTER + 2 * MARGIN)
    height = BAR + (len(lines) + 1) * LINE + MARGIN
    shown = list(moments(lines))
    whole = shown[-1] + PAUSE
    styles = [STYLE]
    rows = [f'<text class="prompt" x="{MARGIN}" y="{BAR + LINE}">$ stateroom demo</text>']
    for number, (line, second) in enumerate(zip(lines, shown, strict=True)):
        begin = 100 * second / whole
        styles.append(
            f"@keyframes l{number} {{ 0%, {begin:.2f}% {{ opacity: 0 }} "
            f"{begin + 0.01:.2f}%, 100% {{ opacity: 1 }} }}\n"
            f".l{number} {{ animation: l{number} {whole:.1f}s infinite }}"
        )
        top = BAR + (number + 2) * LINE
        rows.append(
            f'<text class="l{number}" x="{MARGIN}" y="{top}" style="fill: {colour(line)}">'
            f"{escape(line)}</text>"
        )
    styles.append("@media (prefers-reduced-motion: reduce) { text { animation: none !important } }")
    buttons = "".join(
        f'<circle cx="{MARGIN + 18 * number}" cy="{BAR / 2}" r="6" fill="{fill}"/>'
        for number, fill in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="title">\n'
        '<title id="title">stateroom demo: a worker is killed after it has submitted a job, its '
        "retry finds the job, a zombie is refused</title>\n"
        f"<style>{chr(10).join(styles)}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>\n{buttons}\n'
        + "\n".join(rows)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    (ROOT / "docs" / "demo.svg").write_text(drawn(printed()), "utf-8")
