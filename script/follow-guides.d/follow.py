#!/usr/bin/env python3
"""Follows a guide literally, from an empty folder: writes the files that it shows, runs the commands that it gives, and compares
what they print with what it says they print.

usage: follow.py GUIDE.md FOLDER [--phone FOLDER]

Every code block of a guide stands behind a comment that readers do not see and that says what a reader does with it:

    <!-- guide: file PATH -->      it is the content of this file
    <!-- guide: append PATH -->    it goes to the end of this file
    <!-- guide: run -->            commands, for a shell in the folder; one that fails ends it all
    <!-- guide: expect -->         each of its lines was printed by the commands before it; `...` in a line stands for anything
    <!-- guide: phone PATH -->     a file of an app for a phone: written under --phone, where somebody may compile it, and not run
    <!-- guide: skip REASON -->    a reader does this where it cannot be done here; the reason is printed

A block without one is an error, so that nothing that a guide shows goes unnoticed. What is not run is said to readers too: the line
before such a mark begins with `Shown, not run`. Variables that commands export stay for the commands after them, and what they leave
running in the background is ended when the guide is. Exit 0: all was followed. Standard library only.
"""
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import xml.dom.minidom

MARK = re.compile(r"^<!-- guide: (file|append|run|expect|phone|skip)(?: (.+?))? -->$")
# What a terminal does not show.
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# What readers see before a block that is not run.
NOT_RUN = "Shown, not run"
FENCE = re.compile(r"^```")
# One guide's commands, together, in seconds: a build of everything is in it.
LONGEST_S = 3600


class Trouble(Exception):
    """The guide is wrong, or what it says does not happen."""


def blocks(text):
    """The code blocks of a guide: (line, action, argument, body)."""
    mark, out, before, lines = None, [], "", iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        found = MARK.match(line)
        if found:
            if mark:
                raise Trouble(f"line {mark[0]}: nothing follows this mark")
            if found.group(1) in ("phone", "skip") and not before.startswith(NOT_RUN):
                raise Trouble(f"line {number}: readers are not told that this is not run (a line before it: {NOT_RUN} ...)")
            mark = (number, found.group(1), found.group(2))
        elif line.startswith("<!-- guide"):
            raise Trouble(f"line {number}: this mark cannot be read: {line}")
        elif FENCE.match(line):
            if not mark:
                raise Trouble(f"line {number}: this block does not say what a reader does with it (<!-- guide: ... -->)")
            body = []
            for _, inner in lines:
                if FENCE.match(inner):
                    break
                body.append(inner)
            else:
                raise Trouble(f"line {number}: this block does not end")
            out.append((*mark, "\n".join(body) + "\n"))
            mark = None
            before = ""
        elif line.strip() and mark:
            raise Trouble(f"line {mark[0]}: this mark does not stand before a block")
        elif line.strip():
            before = line
    if mark:
        raise Trouble(f"line {mark[0]}: nothing follows this mark")
    return out


class Follower:
    """Does what the blocks say."""

    def __init__(self, folder, phone):
        self.folder, self.phone, self.printed, self.groups = folder, phone, "", []
        self.counts = {"file": 0, "append": 0, "run": 0, "expect": 0, "phone": 0, "skip": 0}
        self.variables = folder / ".guide-variables"

    def path(self, argument, folder=None):
        if not argument or pathlib.PurePath(argument).is_absolute() or ".." in pathlib.PurePath(argument).parts:
            raise Trouble(f"a file's path lies in the folder: {argument}")
        path = (folder or self.folder) / argument
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def do(self, action, argument, body):
        self.counts[action] += 1
        if action in ("file", "append"):
            with open(self.path(argument), "w" if action == "file" else "a", encoding="utf-8") as f:
                f.write(body)
            print(f"  {'wrote' if action == 'file' else 'added to'} {argument}", flush=True)
        elif action == "run":
            self.run(body)
        elif action == "expect":
            self.expect(body)
        elif action == "phone":
            if argument and argument.endswith((".xml", ".plist")):
                try:
                    xml.dom.minidom.parseString(body)
                except Exception as e:
                    raise Trouble(f"{argument} is not XML: {e}") from e
            if self.phone:
                self.path(argument, self.phone).write_text(body, encoding="utf-8")
            print(f"  SHOWN, NOT RUN: {argument} (a phone's)", flush=True)
        else:
            if not argument:
                raise Trouble("a skipped block needs a reason")
            print(f"  SHOWN, NOT RUN: {argument}", flush=True)

    def run(self, body):
        for line in body.strip().splitlines():
            print(f"  $ {line}", flush=True)
        kept = shlex.quote(str(self.variables))
        script = f"set -euo pipefail\n[ -e {kept} ] && . {kept}\n{body}\nexport -p > {kept}\n"
        # Into a file: a pipe would stay open as long as what is left running in the background holds it.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as out:
            process = subprocess.Popen(
                ["bash", "-c", script], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.groups.append(process.pid)
            status = process.wait(timeout=LONGEST_S)
            out.seek(0)
            self.printed = ESCAPE.sub("", out.read())
        sys.stdout.write("".join(f"    {line}\n" for line in self.printed.splitlines()[-40:]))
        sys.stdout.flush()
        if status:
            raise Trouble(f"these commands end with {status}")

    def end(self):
        """Ends what the commands left running: their process groups are their own."""
        for group in self.groups:
            try:
                os.killpg(group, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def expect(self, body):
        wanted = [line for line in body.splitlines() if line.strip()]
        if not wanted:
            raise Trouble("nothing is expected: this shows nothing")
        printed = self.printed.splitlines()
        for line in wanted:
            pattern = ".*".join(re.escape(part) for part in line.strip().split("..."))
            if not any(re.fullmatch(pattern, other.strip()) for other in printed):
                raise Trouble(f"the guide says that this is printed, and it was not: {line}")
            print(f"  as it says: {line}", flush=True)


def main():
    words, phone = sys.argv[1:], None
    if "--phone" in words:
        at = words.index("--phone")
        phone = pathlib.Path(words[at + 1]) if len(words) > at + 1 else sys.exit(__doc__)
        del words[at : at + 2]
    if len(words) != 2:
        sys.exit(__doc__)
    guide, folder = pathlib.Path(words[0]), pathlib.Path(words[1])
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"follow: {folder} is not empty, and a reader begins with an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    # A signal ends the guide as an error does, and so ends what it left running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("follow: ended by a signal"))
    number, follower = 0, Follower(folder.resolve(), phone)
    try:
        for number, action, argument, body in blocks(guide.read_text(encoding="utf-8")):
            follower.do(action, argument, body)
        counts = follower.counts
        if not counts["run"] or not counts["expect"]:
            raise Trouble("a guide that runs nothing or expects nothing shows nothing")
    except Trouble as trouble:
        sys.exit(f"follow: {guide}:{number}: {trouble}")
    except subprocess.TimeoutExpired:
        sys.exit(f"follow: {guide}:{number}: not done after {LONGEST_S} s")
    finally:
        follower.end()
    done = "{file} files, {append} appended, {run} times commands, {expect} times compared".format(**counts)
    print(f"{guide.name}: followed: {done}; {counts['phone'] + counts['skip']} blocks shown, not run")


if __name__ == "__main__":
    main()
