"""What the story asks about, picked from the lists themselves, so that any two captures in this layout will do."""

import csv
import re
from collections import Counter

# A mark that can be typed as it stands. Spreadsheets' damage (1.00E+24, Aug-44) and NA fall out.
USABLE = re.compile(r"[A-Z0-9]{2,8}")
NONE = {"NA", "NONE", "UNKNOWN"}
ALIKE = str.maketrans("OQIZSBG", "0012586")


def rows(path):
    with open(path, encoding="utf-8-sig", newline="") as f:
        return list(csv.DictReader(f))


def mark(row):
    text = re.sub(r"\s", "", row["no_plate"] or "").upper()
    return text if USABLE.fullmatch(text) and text not in NONE else None


def usable(path):
    """How often each usable mark stands in the list."""
    return Counter(m for m in map(mark, rows(path)) if m)


def near(a, b):
    """Could one be read for the other? Generous: a mark to be asked about should stand alone."""
    if a.translate(ALIKE) == b.translate(ALIKE):
        return True
    if len(a) == len(b):
        return sum(x != y for x, y in zip(a, b)) <= 1
    short, long = sorted((a, b), key=len)
    return len(long) - len(short) == 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


class Vehicles:
    """Marks for the story: stays on the list, leaves it, comes onto it, looks like another."""

    def __init__(self, older, newer):
        self.older, self.newer = usable(older), usable(newer)
        every = set(self.older) | set(self.newer)
        described = {mark(r): r for path in (older, newer) for r in rows(path) if mark(r)}
        # Marks with four letters and more first: they are easy to tell apart when they are read out.
        order = sorted(every, key=lambda m: (sum(c.isdigit() for c in m) > 3, len(m) != 6, m))

        def pick(what, fits):
            for m in order:
                row = described[m]
                whole = all(row[c].strip() for c in ("color", "company_name", "vehicle_desc", "date_stolen"))
                once = self.older[m] <= 1 and self.newer[m] <= 1
                if once and whole and fits(m) and not any(near(m, o) for o in every if o != m):
                    return m
            raise SystemExit(f"demo: no mark in these lists can show {what}")

        both = lambda m: m in self.older and m in self.newer
        self.stays = pick("a vehicle that stays stolen", lambda m: both(m) and "0" not in m)
        self.recovered = pick("a recovered vehicle", lambda m: m in self.older and m not in self.newer)
        self.new = pick("a newly stolen vehicle", lambda m: m in self.newer and m not in self.older)
        self.zero = pick(
            "a letter O typed for a zero",
            lambda m: both(m) and m.count("0") == 1 and m != self.stays and not re.fullmatch(r"[A-Z]{2,3}\d+", m),
        )
        self.zero_typed = self.zero.replace("0", "O")

    def thousand(self):
        """A thousand questions with their true answers: marks on both lists, and marks on neither."""
        on = sorted(m for m in self.older if self.older[m] == self.newer[m] == 1)[:500]
        every = {m.translate(ALIKE) for m in set(self.older) | set(self.newer)}
        off, n = [], 0
        while len(off) < 1000 - len(on):
            n += 7919
            m = "X" + "".join("KVWXY"[n // 5**i % 5] for i in range(4)) + str(n % 90 + 10)
            if m.translate(ALIKE) not in every and m not in off:
                off.append(m)
        return [(m, "hit") for m in on] + [(m, "no_trace") for m in off]


class Person:
    """Somebody with a warning, and the name and date of birth that they might give instead."""

    def __init__(self, path):
        people = rows(path)
        names = Counter(p["surname"] for p in people)
        for code in ("FI|", "WE|", "VI|", ""):
            for p in people:
                first = p["markers"].split(";")[0].split("|")
                spoken = len(first) == 5 and first[3] == "speakable" and p["markers"].startswith(code)
                exact = re.fullmatch(r"\d{4}-\d\d-\d\d", p["dob"])
                plain = p["given"].isascii() and p["given"].isalpha() and len(p["given"]) > 4
                if spoken and exact and plain and p["surname"].isascii() and names[p["surname"]] == 1:
                    self.key, self.given, self.surname, self.dob = p["id"], p["given"], p["surname"], p["dob"]
                    self.marker, self.action = first[1], first[2]
                    self.asked_given = self.given[:2] + self.given[3:]
                    year, month, day = map(int, self.dob.split("-"))
                    self.asked_dob = f"{year}-{month:02}-{day + 1 if day < 28 else day - 1:02}"
                    return
        raise SystemExit("demo: no person in the fixtures can show a warning")
