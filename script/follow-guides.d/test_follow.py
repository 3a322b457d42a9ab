#!/usr/bin/env python3
"""What the follower takes, and what it refuses. Run by script/follow-guides before any guide."""
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

import check_errors

FOLLOW = pathlib.Path(__file__).with_name("follow.py")


def follow(text):
    with tempfile.TemporaryDirectory() as there:
        guide = pathlib.Path(there, "guide.md")
        guide.write_text(text)
        return subprocess.run([sys.executable, FOLLOW, guide, pathlib.Path(there, "folder")], capture_output=True, text=True)


def block(mark, body):
    return f"Text.\n\n<!-- guide: {mark} -->\n```sh\n{body}\n```\n\n"


def running(pid):
    try:
        return pathlib.Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Follow(unittest.TestCase):
    def refused(self, text, why):
        done = follow(text)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(why, done.stderr)

    def test_files_are_written_commands_run_and_variables_stay(self):
        text = block("file a/b.txt", "one") + block("append a/b.txt", "two") + block("run", "export WHAT=three")
        done = follow(text + block("run", "cat a/b.txt; echo $WHAT and more") + block("expect", "one\ntwo\nthree ..."))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("1 files, 1 appended, 2 times commands, 1 times compared; 0 blocks shown, not run", done.stdout)

    def test_what_is_not_printed_is_noticed(self):
        self.refused(block("run", "echo one") + block("expect", "two"), "it was not: two")

    def test_a_command_that_fails_is_noticed(self):
        self.refused(block("run", "false; echo on") + block("expect", "on"), "end with 1")

    def test_no_block_goes_unnoticed(self):
        self.refused("```sh\necho\n```\n", "does not say what a reader does")
        self.refused("Shown, not run: no.\n" + "\n<!-- guide: skip -->\n```sh\necho\n```\n", "needs a reason")
        self.refused("<!-- guide: walk -->\n```sh\necho\n```\n", "cannot be read")
        self.refused("<!-- guide: run -->\n\ntext\n", "does not stand before a block")

    def test_what_is_not_run_is_said_to_readers_and_counted(self):
        for mark in ("skip no phone", "phone A.kt"):
            self.refused(block(mark, "echo"), "readers are not told")
        shown = "Shown, not run: a phone's.\n\n"
        text = block("run", "echo one") + block("expect", "one")
        text += shown + block("phone A.kt", "class A")[7:] + shown + block("skip no phone", "x")[7:]
        done = follow(text)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SHOWN, NOT RUN: A.kt (a phone's)", done.stdout)
        self.assertIn("SHOWN, NOT RUN: no phone", done.stdout)
        self.assertIn("2 blocks shown, not run", done.stdout)
        self.refused(shown + block("phone a.xml", "<a>")[7:], "is not XML")

    def test_what_is_left_running_is_ended(self):
        with tempfile.TemporaryDirectory() as there:
            pid = pathlib.Path(there, "pid")
            for last in ("true", "false"):
                follow(block("run", f"sleep 600 >/dev/null 2>&1 & echo $! >{pid}") + block("run", last))
                for _ in range(100):  # The signal was sent; ending takes a moment.
                    if not running(pid.read_text().strip()):
                        break
                    time.sleep(0.1)
                self.assertFalse(running(pid.read_text().strip()))

    def test_a_guide_that_shows_nothing_is_refused(self):
        self.refused(block("run", "true"), "shows nothing")
        self.refused(block("run", "true") + block("expect", ""), "shows nothing")

    def test_files_stay_in_the_folder(self):
        self.refused(block("file ../x", "no"), "lies in the folder")


class Errors(unittest.TestCase):
    """The tables of errors: what is wrong in one is found."""

    def test_what_is_wrong_is_found(self):
        row = "\n## Errors\n\n| variant | codes | the app |\n|---|---|---|\n| `Locked` | `pin` \"Wait 90 s.\" | asks |\n\n## Next\n"
        known, said = {"locked": {"pin"}}, ["Wait # s."]

        def wrong(was="", now=""):
            return " ".join(check_errors.wrong(row.replace(was, now), {}, known, said))

        self.assertEqual(wrong(), "")
        self.assertEqual(wrong("90 s", "..."), "")
        self.assertIn("no code nip", wrong("`pin`", "`nip`"))
        self.assertIn("does not say", wrong("Wait", "Go on"))
        self.assertIn("has no row", wrong("`Locked`", "`Other`"))
        self.assertIn("is no variant", wrong("`Locked`", "`Other`"))


if __name__ == "__main__":
    unittest.main()
