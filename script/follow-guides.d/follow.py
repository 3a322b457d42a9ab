#!/usr/bin/env python3
"""Follows a guide literally, from an empty folder: writes the files that it shows, runs the commands that it gives, and compares
what they print with what it says they print.

usage: follow.py GUIDE.md FOLDER [--shell "COMMAND"]

Every code block of a guide stands behind a comment that readers do not see and that says what a reader does with it:

    <!-- guide: file PATH -->      it is the content of this file
    <!-- guide: append PATH -->    it goes to the end of this file
    <!-- guide: run -->            commands, for a shell in the folder; one that fails ends it all
    <!-- guide: expect -->         each of its lines was printed by the commands before it; `...` in a line stands for anything
    <!-- guide: skip REASON -->    a reader does this where it cannot be done here; the reason is printed

A block without one is an error, so that nothing that a guide shows goes unnoticed. Variables that commands export stay for
the commands after them. Exit 0: all was followed. Standard library only.
"""
import os
import pathlib
import re
import shlex
import subprocess
import sys

MARK = re.compile(r"^<!-- guide: (file|append|run|expect|skip)(?: (.+?))? -->$")
FENCE = re.compile(r"^```")
# One guide's commands, together, in seconds: a build of everything is in it.
LONGEST_S = 3600


class Trouble(Exception):
    """The guide is wrong, or what it says does not happen."""


def blocks(text):
    """The code blocks of a guide: (line, action, argument, body)."""
    mark, out, lines = None, [], iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        found = MARK.match(line)
        if found:
            if mark:
                raise Trouble(f"line {mark[0]}: nothing follows this mark")
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
        elif line.strip() and mark:
            raise Trouble(f"line {mark[0]}: this mark does not stand before a block")
    if mark:
        raise Trouble(f"line {mark[0]}: nothing follows this mark")
    return out


class Follower:
    """Does what the blocks say."""

    def __init__(self, folder, shell):
        self.folder, self.shell, self.printed = folder, shell, ""
        self.counts = {"file": 0, "append": 0, "run": 0, "expect": 0, "skip": 0}
        self.variables = folder / ".guide-variables"

    def path(self, argument):
        if not argument or pathlib.PurePath(argument).is_absolute() or ".." in pathlib.PurePath(argument).parts:
            raise Trouble(f"a file's path lies in the folder: {argument}")
        path = self.folder / argument
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
        else:
            if not argument:
                raise Trouble("a skipped block needs a reason")
            print(f"  NOT DONE HERE: {argument}", flush=True)

    def run(self, body):
        for line in body.strip().splitlines():
            print(f"  $ {line}", flush=True)
        kept = shlex.quote(str(self.variables))
        script = f"set -euo pipefail\n[ -e {kept} ] && . {kept}\n{body}\nexport -p > {kept}\n"
        done = subprocess.run(
            [*self.shell, "bash", "-c", script], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=LONGEST_S,
        )
        self.printed = done.stdout
        sys.stdout.write("".join(f"    {line}\n" for line in done.stdout.splitlines()[-40:]))
        sys.stdout.flush()
        if done.returncode:
            raise Trouble(f"these commands end with {done.returncode}")

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
    words = sys.argv[1:]
    shell = []
    if "--shell" in words:
        at = words.index("--shell")
        shell = shlex.split(words[at + 1])
        del words[at : at + 2]
    if len(words) != 2:
        sys.exit(__doc__)
    guide, folder = pathlib.Path(words[0]), pathlib.Path(words[1])
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"follow: {folder} is not empty, and a reader begins with an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    try:
        all_blocks = blocks(guide.read_text(encoding="utf-8"))
        follower = Follower(folder.resolve(), shell)
        for number, action, argument, body in all_blocks:
            follower.do(action, argument, body)
        counts = follower.counts
        if not counts["run"] or not counts["expect"]:
            raise Trouble("a guide that runs nothing or expects nothing shows nothing")
    except Trouble as trouble:
        sys.exit(f"follow: {guide}:{number}: {trouble}")
    except subprocess.TimeoutExpired:
        sys.exit(f"follow: {guide}:{number}: not done after {LONGEST_S} s")
    print(f"{guide.name}: followed: " + ", ".join(f"{n} {what}" for what, n in counts.items()))


if __name__ == "__main__":
    main()
