"""What the story puts on the terminal, and the recording of it that script/demo-svg draws."""

import json
import os
import re
import shutil
import sys
import textwrap

COLOURS = {"plain": "0", "head": "1;36", "told": "1;34", "command": "1", "danger": "1;31", "caution": "1;33", "dim": "2", "bold": "1"}
STYLES = {"1": "bold", "1;31": "danger", "1;33": "caution", "2": "dim"}
STYLED = re.compile(r"^\x1b\[([0-9;]+)m(.*?)\x1b\[0m$")


class Screen:
    def __init__(self, auto, record):
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.pauses = not auto and sys.stdout.isatty() and sys.stdin.isatty()
        self.width = min(100, shutil.get_terminal_size((98, 40)).columns) if not record else 90
        self.record, self.lines = record, []

    def line(self, text="", style="plain", picture=False):
        self.lines.append({"text": text, "style": style, "picture": picture})
        if self.colour and style != "plain":
            text = f"\x1b[{COLOURS[style]}m{text}\x1b[0m"
        print(text, flush=True)

    def wrapped(self, text, style="plain", indent="", hang="", picture=False):
        edges = {"initial_indent": indent, "subsequent_indent": indent + hang}
        for part in textwrap.wrap(text, self.width, break_on_hyphens=False, **edges) or [""]:
            self.line(part, style, picture)

    def chapter(self, title, picture=False):
        self.line(picture=picture)
        self.line(f"== {title}", "head", picture)
        self.line()

    def pause(self):
        if self.pauses:
            input("   [Enter] ")

    def command(self, text, picture=False):
        self.wrapped("$ " + text, "command", hang="    ", picture=picture)

    def output(self, text, limit=12, picture=False):
        """What a command said, in its own emphasis, indented, and cut after `limit` lines; for the picture after `picture`."""
        lines = text.replace("\r", "").rstrip("\n").split("\n")
        for i, raw in enumerate(lines[:limit]):
            styled = STYLED.match(raw)
            style = STYLES.get(styled[1], "plain") if styled else "plain"
            self.wrapped(styled[2] if styled else raw, style, "  ", "  ", i < picture)
        if 0 < picture < len(lines):
            self.lines.append({"text": "  ...", "style": "dim", "picture": True})
        if len(lines) > limit:
            self.line(f"  ... {len(lines) - limit} more lines", "dim")

    def told(self, text, picture=False):
        self.wrapped("as told: " + text, "told", "  ", "         ", picture)

    def save(self):
        if self.record:
            with open(self.record, "w", encoding="utf-8") as f:
                json.dump(self.lines, f, ensure_ascii=False, indent=0)
