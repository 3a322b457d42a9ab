"""The story that script/demo tells. Each step runs a command of `beatcheck`, shows what it said, and then holds it to what
was announced; the first thing that is not so ends the story with exit 1."""

import argparse
import gzip
import json
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from lists import Person, Vehicles  # noqa: E402
from stage import MAPPINGS, SMALL, NotAsTold, Stage, hold, kb  # noqa: E402

OFFICER = "officer-4711"


def quantile(values, q):
    return sorted(values)[min(len(values) - 1, int(len(values) * q))]


class Story(Stage):
    def tell(self):
        v, p, s = Vehicles(self.older, self.newer), Person(SMALL / "persons.csv"), self.screen
        origin = "New Zealand Police's public list" if self.real else "a made-up list of fixtures/small"
        s.line(f"Vehicles: {origin}. Persons: 200 made-up people. Everything happens in {self.work}.", "dim")
        hot = ("--mapping", MAPPINGS / "nz-police-stolen-vehicles.toml", "--as-of", "now")
        self.hub_begins(v, hot)
        s.pause()
        first = self.phone_begins()
        s.pause()
        self.checks(v, p)
        s.pause()
        self.hub_is_killed(v, p)
        s.pause()
        delta = self.hub_returns(v, hot)
        s.pause()
        self.account()
        packed = [len(gzip.compress(x.read_bytes(), 9)) for x in (self.older, self.newer)]
        s.chapter("Figures of this run", True)
        s.line(f"  first sync        {kb(first)} down, vehicles and persons; the older list gzipped {kb(packed[0])}", picture=True)
        s.line(f"  delta sync        {kb(delta)} down; the newer list gzipped {kb(packed[1])}", picture=True)
        s.line(f"  a check           {self.latency}", picture=True)
        s.line(f"  account           {len(self.asked):,} checks asked, {len(self.asked):,} at the hub")

    def hub_begins(self, v, hot):
        s = self.screen
        s.chapter("1. A hub takes in a hot list as a police force publishes it", True)
        self.say("hub", "init", "--data", "hub")
        taken = self.ask("hub", "ingest", "--data", "hub", *hot, self.older, picture=True)
        self.figures(taken, "rows_read", "added", "rejected", "unusable_vrm", "duplicates", picture=True)
        hold(taken["added"] + taken["rejected"] == taken["rows_read"], "every row is taken in or kept aside")
        hold(taken["added"] >= len(v.older), "every usable mark is taken in")
        s.told(f"no row is dropped: {taken['added']:,} taken in, {taken['rejected']} kept aside with its reasons", True)
        people = ("--mapping", MAPPINGS / "synthetic-persons.toml", "--as-of", "now", SMALL / "persons.csv")
        taken = self.ask("hub", "ingest", "--data", "hub", *people)
        self.figures(taken, "rows_read", "added", "rejected")
        hold(taken["added"] == 200, "200 persons are taken in")
        self.say("hub", "publish", "--data", "hub")
        self.serve()

    def phone_begins(self):
        s = self.screen
        s.chapter("2. A phone enrols with a one-time code, and fetches what its officer may hold", True)
        code = self.ask("hub", "enrol", "--data", "hub", "--officer", OFFICER, "--role", "patrol")["code"]
        self.say("device", "enrol", "--home", "phone", "--hub", self.url, "--code", code, "--ca", "hub/ca.pem")
        again = ("device", "enrol", "--home", "other", "--hub", self.url, "--code", code, "--ca", "hub/ca.pem")
        hold(self.run(*again)[0] != 0, "a code works once")
        s.told("the same code does not work a second time")
        r = self.ask("device", "sync", "--home", "phone", picture=True)
        self.changes(r)
        hold(r["complete"] and len(r["compartments"]) == 2, "both compartments are held")
        hold(sum(c["rows"] for c in r["compartments"]) > 200, "the phone has the records")
        s.told("all that is published for this phone is on it, each record under a digest that agrees")
        return r["bytes_down"]

    def changes(self, r, picture=True):
        for c in r["compartments"]:
            self.screen.line(
                f"  {c['compartment']:<16} by {c['route']:<9} {c['inserted']:>6,} new {c['updated']:>4,} changed "
                f"{c['deleted']:>6,} gone {kb(c['bytes']):>10}",
                picture=picture,
            )
        took = f"{r['took_ms'] / 1000:.2f} s"
        self.screen.line(f"  received {kb(r['bytes_down'])}, sent {kb(r['bytes_up'])}, {r['journal_sent']:,} entries of account, {took}", picture=picture)

    def checks(self, v, p):
        s = self.screen
        s.chapter("3. Checks", True)
        s.line("A car on the list. What to do comes first:", picture=True)
        a = self.check("vehicle", v.stays, picture=3)
        hold(a["outcome"] == "hit" and a["hits"][0]["vrm"] == v.stays, f"{v.stays} is a hit")
        self.danger_first(a, a["hits"][0]["markers"][0]["text"], a["hits"][0]["markers"][0]["action"])
        s.told("a hit, warning and action before the rest")
        s.line()
        s.line("The letter O typed for a zero. That is a possible match, and not a hit:")
        a = self.check("vehicle", v.zero_typed)
        hold(a["outcome"] == "possible" and v.zero in [h["vrm"] for h in a["hits"]], f"{v.zero_typed} may be {v.zero}")
        s.told("possible, and says which character differs")
        s.line()
        s.line("A name with a letter missing and a date of birth one day off. The warning comes first here too:", picture=True)
        question = ("person", "--surname", p.surname, "--given", p.asked_given, "--dob", p.asked_dob)
        a = self.check(*question, purpose="stop_search", picture=2)
        hold(a["outcome"] == "possible" and a["hits"][0]["source_key"] == p.key, f"{p.given} {p.surname} is the possible match")
        self.danger_first(a, p.marker, p.action)
        s.told("possible, graded in words, with the reasons")
        s.line()
        s.line(f"Two cars whose story is not over. {v.recovered} is on the list today:")
        a = self.check("vehicle", v.recovered)
        hold(a["outcome"] == "hit", f"{v.recovered} is a hit")
        self.told = {v.recovered: a["reference"]}
        s.line()
        s.line(f"{v.new} is not on it yet. That is 'no trace', and never 'clear':", picture=True)
        a = self.check("vehicle", v.new, picture=2)
        hold(a["outcome"] == "no_trace" and not a["hits"], f"{v.new} is not known yet")
        self.told[v.new] = a["reference"]
        s.told("no trace, with the sources searched and their age")

    def hub_is_killed(self, v, p):
        s = self.screen
        s.chapter("4. The hub is killed", True)
        self.kill(True)
        r = self.ask("device", "sync", "--home", "phone", expect=5)
        hold(not r["complete"] and r["fault"]["code"] == "hub_unreachable", "a sync cannot reach the hub")
        s.output(r["fault"]["text"])
        s.told("the sync fails, after a few tries, and says why")
        s.line()
        s.line("The same checks still answer, and say from when:", picture=True)
        a = self.check("vehicle", v.stays, picture=2)
        hold(a["outcome"] == "hit", "still a hit")
        question = ("person", "--surname", p.surname, "--given", p.asked_given, "--dob", p.asked_dob)
        a = self.check(*question, purpose="stop_search")
        hold(a["outcome"] == "possible" and a["hits"][0]["source_key"] == p.key, "still the possible match")
        a = self.check("vehicle", v.new)
        hold(a["outcome"] == "no_trace", "still no trace")
        s.told("hit, possible and no trace, as before", True)
        self.a_day_later(v)
        self.thousand(v)
        self.at_rest(v)

    def a_day_later(self, v):
        s = self.screen
        s.line()
        s.line("The same phone 26 hours on, still with no hub (a copy of it, with the clock put forward):", picture=True)
        shutil.copytree(self.work / "phone", self.work / "phone-later")
        later = (datetime.now(timezone.utc) + timedelta(hours=26)).strftime("%Y-%m-%dT%H:%M:%SZ")
        args = ("device", "check", "vehicle", v.stays, "--home", "phone-later", "--purpose", "traffic_stop", "--now", later)
        a = self.ask(*args, picture=True)
        s.output("\n".join(x for x in a["text"].splitlines() if x.startswith("Searched ")), picture=99)
        hold(a["outcome"] == "hit" and a["coverage"][0]["state"] == "stale", "the source is stale")
        hold("26 hours old: STALE" in a["text"], "and it is said with its age")
        s.told("still answers, and says that what it knows is stale")
        shutil.rmtree(self.work / "phone-later")

    def thousand(self, v):
        s = self.screen
        s.line()
        s.line("A thousand checks more, offline, each on record before it is answered:", picture=True)
        questions = v.thousand()
        random.Random(4711).shuffle(questions)
        lines = "".join(json.dumps({"id": i, "kind": "vehicle", "vrm": m}) + "\n" for i, (m, _) in enumerate(questions))
        s.command("beatcheck device batch --home phone --purpose traffic_stop < queries.jsonl > answers.jsonl")
        began = time.monotonic()
        code, out, err = self.run("device", "batch", "--home", "phone", "--purpose", "traffic_stop", stdin=lines)
        took = time.monotonic() - began
        hold(code == 0, f"exit code {code}: {err.strip()}")
        answers = [json.loads(x) for x in out.splitlines()]
        hold([a["id"] for a in answers] == list(range(1000)), "1,000 answers, in order")
        for a, (m, truth) in zip(answers, questions):
            hold(a["outcome"] == truth, f"{m} is {truth}, not {a['outcome']}")
        self.asked += [a["reference"] for a in answers]
        s.line(f"  1,000 answers in {took:.1f} s", picture=True)
        hits = sum(truth == "hit" for _, truth in questions)
        s.told(f"{hits} hits and {1000 - hits} times no trace, every one right", True)
        # A batch makes many answers durable together. An officer asks one question, and each of these is one process.
        for m, truth in questions[:30]:
            a = self.ask("device", "check", "vehicle", m, "--home", "phone", "--purpose", "traffic_stop", show=False)
            hold(a["outcome"] == truth, f"{m} is {truth}")
            self.asked.append(a["reference"])
            self.alone.append((a["took_us"], a["account_us"]))
        search, account = zip(*self.alone)
        total = [x + y for x, y in self.alone]
        ms = lambda values, q: f"{quantile(values, q) / 1000:.1f} ms"
        self.latency = f"median {ms(total, 0.5)}, slowest {ms(total, 1)} of {len(total)}: search {ms(search, 0.5)}, account on disk {ms(account, 0.5)}"
        s.line(f"  asked one at a time: {self.latency}")

    def at_rest(self, v):
        s = self.screen
        s.line()
        s.line("What a lost phone gives away: the officer, a mark and the source's name, searched for in all its files:")
        words = [OFFICER, v.stays, "nz-police-stolen-vehicles", *([] if not self.real else ["Waitemata"])]

        def found(paths):
            return {w for f in paths for w in words if w.lower().encode() in f.read_bytes().lower()}

        files = [f for f in (self.work / "phone").rglob("*") if f.is_file()]
        # Six letters may turn up in noise; what is long enough may not.
        seen = {w for w in found(files) if len(w) >= 9}
        hold(v.stays in found([self.older]), "the search finds a mark where it stands in the clear")
        hold(files and not seen, f"nothing readable in the phone's files, but {seen}")
        s.told(f"nothing in {len(files)} files, though the desk's stand-in for the phone's key hardware protects nothing itself")

    def hub_returns(self, v, hot):
        s = self.screen
        s.chapter("5. The hub returns with a newer extract", True)
        taken = self.ask("hub", "ingest", "--data", "hub", *hot, self.newer, picture=True)
        self.figures(taken, "rows_read", "added", "changed", "removed", "unchanged", "rejected", picture=True)
        added, gone = len(v.newer.keys() - v.older.keys()), len(v.older.keys() - v.newer.keys())
        hold(taken["added"] >= added and taken["removed"] >= gone, f"{added} marks came and {gone} went")
        s.told(f"{added:,} usable marks came and {gone:,} went; the rest of the difference is rows without one, and repeats")
        self.say("hub", "publish", "--data", "hub")
        self.serve()
        r = self.ask("device", "sync", "--home", "phone", picture=True)
        self.changes(r)
        hold(r["complete"] and len(r["compartments"]) == 1, "only the list that changed comes down")
        c = r["compartments"][0]
        hold((c["inserted"], c["updated"], c["deleted"]) == (taken["added"], taken["changed"], taken["removed"]), "the delta is the hub's difference")
        s.told("the delta is exactly the difference that the hub found; the persons cost nothing")
        s.line()
        s.line("What the officer was told and is no longer so:", picture=True)
        late = {hit["reference"]: hit for hit in r["late_hits"]}
        for m, change in ((v.new, "appeared"), (v.recovered, "withdrawn")):
            hit = late.get(self.told[m])
            hold(hit and hit["change"] == change, f"the late hit on {m} is told")
            s.wrapped(hit["text"], "danger", "  ", "  ", True)
        s.told(f"{v.new} was asked about before it was reported; {v.recovered} has been recovered", True)
        s.line()
        s.line("The recovered car does not hit any more, and the newly stolen one does:", picture=True)
        a = self.check("vehicle", v.recovered)
        hold(a["outcome"] == "no_trace", f"{v.recovered} is gone")
        a = self.check("vehicle", v.new)
        hold(a["outcome"] == "hit" and a["hits"][0]["vrm"] == v.new, f"{v.new} is a hit")
        s.told(f"{v.recovered}: no trace; {v.new}: hit", True)
        return r["bytes_down"]

    def account(self):
        s = self.screen
        s.chapter("6. The account arrives, and its chain verifies", True)
        r = self.ask("device", "sync", "--home", "phone")
        self.changes(r, picture=False)
        hold(r["complete"] and r["journal_pending"] == 0, "no entry waits")
        j = self.ask("hub", "journal", "--data", "hub", "--verify", picture=True)
        hold(len(j["devices"]) == 1, "one phone")
        d = j["devices"][0]
        self.figures(d, "device", "entries", "unbroken", picture=True)
        hold(d["unbroken"] and d["first"] == 1 and d["last"] == d["entries"], "the chain is unbroken from its first entry")
        checks = [e["entry"] for e in j["entries"] if e["entry"]["event"] == "check"]
        hold(len(checks) == len(self.asked), f"{len(self.asked)} checks were asked, and {len(checks)} are at the hub")
        hold(all(ours in (None, c["reference"]) for ours, c in zip(self.asked, checks)), "in the order in which they were asked")
        hold(all(c["officer"] == OFFICER and c["purpose"] for c in checks), "each with officer and purpose")
        s.told(f"all {len(checks):,} checks are at the hub, in order, none missing, the chain unbroken", True)


def options():
    p = argparse.ArgumentParser(prog="script/demo")
    p.add_argument("--bin", required=True)
    p.add_argument("--began", type=int, default=int(time.time()))
    p.add_argument("--auto", action="store_true")
    p.add_argument("--data")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--record")
    return p.parse_args()


def stop(*_):
    raise KeyboardInterrupt


def main():
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    story, good, told_at = None, False, time.time()
    o = options()
    try:
        story = Story(o)
        story.tell()
        good = True
    except NotAsTold as e:
        print(f"\nNOT AS TOLD: {e}", flush=True)
    except subprocess.TimeoutExpired as e:
        print(f"\nNOT AS TOLD: no end within {e.timeout:.0f} s", flush=True)
    except (KeyboardInterrupt, EOFError):
        print("\nstopped", flush=True)
    finally:
        if story:
            story.close()
            if good:
                shutil.rmtree(story.work)
            else:
                print(f"Kept for a look: {story.work}", flush=True)
    if good:
        now = time.time()
        story.screen.line()
        story.screen.line(f"Everything was as told. Story {now - told_at:.0f} s, in all {now - o.began:.0f} s.", "bold", True)
        story.screen.save()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
