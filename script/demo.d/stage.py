"""What the story is told with: commands of `beatcheck`, run and shown, a hub and a phone in one directory. What is not as it
was announced ends the story."""

import contextlib
import json
import os
import pty
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from screen import Screen

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared/data/nz-police-stolen-vehicles"
SMALL, MAPPINGS = ROOT / "fixtures/small", ROOT / "fixtures/mappings"
LIMIT_S = 300


class NotAsTold(Exception):
    pass


def hold(is_so, what):
    if not is_so:
        raise NotAsTold(what)


def kb(n):
    return f"{n / 1000:.1f} kB" if n >= 10_000 else f"{n:,} B"


class Stage:
    def __init__(self, options):
        self.screen, self.binary = Screen(options.auto, options.record), str(Path(options.bin).resolve())
        self.port, self.began = options.port, options.began
        folder = Path(options.data).resolve() if options.data else SHARED if SHARED.is_dir() else SMALL
        pairs = [[folder / f for f in names] for names in (("2024-04.csv", "2024-05.csv"), ("hot-list-a.csv", "hot-list-b.csv"))]
        pair = next((p for p in pairs if all(f.is_file() for f in p)), None)
        hold(pair, f"{folder} has neither 2024-04.csv and 2024-05.csv nor hot-list-a.csv and hot-list-b.csv")
        (self.older, self.newer), self.real = pair, folder != SMALL
        self.server, self.asked, self.alone = None, [], []
        self.work = Path(tempfile.mkdtemp(prefix="beatcheck-demo-"))

    # -- running

    def shown(self, args):
        short = [str(a).replace(f"{ROOT}/", "").replace(f"{self.older.parent}/", "") for a in args]
        return "beatcheck " + " ".join(shlex.quote(a) for a in short)

    def run(self, *args, stdin=None, terminal=False):
        """Exit code, stdout and stderr. On a terminal stderr goes straight through: that is where progress is drawn."""
        through = sys.stdout.isatty() and sys.stderr.isatty()
        keeps = None if through else subprocess.PIPE
        command = [self.binary, *map(str, args)]
        if not (terminal and (self.screen.colour or self.screen.record)):
            done = subprocess.run(command, cwd=self.work, stdout=subprocess.PIPE, stderr=keeps, text=True, input=stdin, timeout=LIMIT_S)
            return done.returncode, done.stdout, done.stderr or ""
        # The command is to see a terminal, so that it shows its own emphasis.
        ours, theirs = pty.openpty()
        child = subprocess.Popen(command, cwd=self.work, stdin=subprocess.DEVNULL, stdout=theirs, stderr=keeps, text=True)
        os.close(theirs)
        out = b""
        with contextlib.suppress(OSError):
            while part := os.read(ours, 65536):
                out += part
        os.close(ours)
        err = child.communicate(timeout=LIMIT_S)[1]
        return child.returncode, out.decode(), err or ""

    def say(self, *args, expect=0, limit=12, picture=False):
        """Runs and shows a command as a person would."""
        self.screen.command(self.shown(args), picture)
        code, out, err = self.run(*args, terminal=True)
        self.screen.output(out, limit, picture)
        if err:
            self.screen.output(err, 6)
        hold(code == expect, f"exit code {code} where {expect} was expected")
        return out

    def ask(self, *args, expect=0, show=True, picture=False):
        """Runs a command with --json and gives back what it said."""
        args = (*args, "--json")
        if show:
            self.screen.command(self.shown(args), picture)
        code, out, err = self.run(*args)
        if err and show:
            self.screen.output(err, 4)
        hold(code == expect, f"exit code {code} where {expect} was expected: {out.strip() or err.strip()}")
        try:
            return json.loads(out)
        except ValueError:
            raise NotAsTold(f"this is not JSON: {out[:200]!r}") from None

    def figures(self, value, *names, picture=False):
        said = lambda x: f"{x:,}" if type(x) is int else json.dumps(x) if isinstance(x, bool) else str(x)
        words = [f"{n.replace('_', ' ')} {said(value[n])}" for n in names]
        self.screen.wrapped(", ".join(words), indent="  ", hang="  ", picture=picture)

    # -- the hub and the phone

    def serve(self, picture=False):
        args = ("hub", "serve", "--data", "hub", "--listen", f"127.0.0.1:{self.port}")
        self.screen.command(self.shown(args) + " &", picture)
        said = self.work / "serve.log"
        with said.open("w") as out:
            self.server = subprocess.Popen([self.binary, *args], cwd=self.work, stdout=out, stderr=subprocess.STDOUT)
        for _ in range(600):
            text = said.read_text()
            if "listening on https://" in text and text.endswith("\n"):
                line = next(x for x in text.splitlines() if "listening on https://" in x)
                self.url = line.split("listening on ")[1].split()[0]
                self.port = int(self.url.rsplit(":", 1)[1])
                self.screen.output(line, picture=99 * picture)
                return
            hold(self.server.poll() is None, f"the hub ended at once: {text.strip()}")
            time.sleep(0.05)
        raise NotAsTold("the hub was not ready within 30 s")

    def kill(self, picture=False):
        self.screen.command("kill -9 <the hub>", picture)
        self.server.kill()
        self.server.wait()
        self.server = None

    def close(self):
        if self.server and self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.server = None

    def check(self, *question, purpose="traffic_stop", picture=False, whole=False):
        """Asks twice: once for the reader, once as JSON to hold the answer to its promise. Both are on record."""
        args = ("device", "check", *question, "--home", "phone", "--purpose", purpose)
        self.screen.command(self.shown(args), bool(picture))
        code, out, err = self.run(*args, terminal=True)
        blocks = out.replace("\r", "").strip().split("\n\n")
        spoken = blocks[0] if len(blocks) < 3 or whole else f"{blocks[0]}\n{blocks[-1]}"
        self.screen.output(spoken, 14, picture)
        hold(code == 0, f"exit code {code} where 0 was expected: {err.strip()}")
        answer = self.ask(*args, show=False)
        self.asked += [None, answer["reference"]]
        self.alone.append((answer["took_us"], answer["account_us"]))
        hold(answer["coverage"] and all(c["as_of"] for c in answer["coverage"]), "an answer says how old its sources are")
        hold(answer["outcome"] == "no_trace" or answer["confirm"], "a hit says what to do before acting")
        # tidy: allow(never-clear) this is the check that nobody is told so
        hold("clear" not in answer["text"].lower().replace("'clear'", ""), "no answer says that somebody is clear")
        return answer

    @staticmethod
    def danger_first(answer, marker, action):
        text = answer["text"].lower()
        verdict = min(text.find(w) for w in ("hit:", "possible match") if w in text)
        hold(0 <= text.find(marker.lower()) < verdict, "the warning stands before the verdict")
        hold(0 <= text.find(action.lower()) < verdict, "what to do stands before the verdict")
