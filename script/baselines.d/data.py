"""A labelled set, and how well a candidate agrees with a question where a tool leaves that to its user."""

import csv
import json
import pathlib
from dataclasses import dataclass

from rapidfuzz.distance import JaroWinkler

TASKS = ("name_dob", "name_year", "name", "nickname_year", "part_year")
ABSENT = "absent_name_dob"


@dataclass
class Person:
    id: str
    given: str
    surname: str
    dob: str


@dataclass
class Question:
    task: str
    given: str
    surname: str
    dob: str
    accept: list


def persons(folder):
    """Everybody in the set, names in lower case: all tools here compare bytes."""
    with open(pathlib.Path(folder) / "persons.csv", newline="", encoding="utf-8") as file:
        return [Person(r["id"], r["given"].lower(), r["surname"].lower(), r["dob"]) for r in csv.DictReader(file)]


def questions(folder, half):
    """The questions of one half, by task."""
    out = {task: [] for task in (*TASKS, ABSENT)}
    with open(pathlib.Path(folder) / "queries.jsonl", encoding="utf-8") as file:
        for line in file:
            q = json.loads(line)
            if q["half"] == half and q["task"] in out:
                given, surname = q.get("given", "").lower(), q.get("surname", "").lower()
                out[q["task"]].append(Question(q["task"], given, surname, q.get("dob", ""), q["accept"]))
    return out


def part(asked, held):
    """Agreement of one part of a name, 0 to 1; `abc*` asks for a beginning. None where nothing was asked."""
    if not asked:
        return None
    if asked.endswith("*"):
        return 1.0 if held.startswith(asked[:-1]) else 0.8 * JaroWinkler.similarity(asked[:-1], held[: len(asked)])
    return JaroWinkler.similarity(asked, held)


def birth(asked, held):
    """Agreement of dates, 0 to 1: the share of digits that are the same, and more for day and month swapped."""
    if not asked or not held:
        return None
    if len(asked) == 4:
        years = abs(int(asked) - int(held[:4])) if asked.isdigit() and held[:4].isdigit() else 9
        return {0: 1.0, 1: 0.4}.get(years, 0.0)
    if asked == held:
        return 1.0
    if len(asked) == 10 and f"{asked[:5]}{asked[8:]}-{asked[5:7]}" == held:
        return 0.9
    return sum(a == b for a, b in zip(asked, held)) / 10 * 0.8


def score(question, person):
    """Mean of what was asked, names as given or exchanged. Weights were chosen on the half `tune` of the open set."""
    best = 0.0
    for given, surname in ((person.given, person.surname), (person.surname, person.given)):
        of = [(0.35, part(question.given, given)), (0.4, part(question.surname, surname)), (0.35, birth(question.dob, person.dob))]
        of = [(w, s) for w, s in of if s is not None]
        best = max(best, sum(w * s for w, s in of) / sum(w for w, _ in of) if of else 0.0)
    return best


def ranked(question, candidates, most=10):
    """The best candidates with their scores, best first; ties by id."""
    scored = [(score(question, p), p.id) for p in candidates]
    scored.sort(key=lambda s: (-s[0], s[1]))
    return scored[:most]
