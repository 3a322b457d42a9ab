#!/usr/bin/env python3
"""The runner of Python for `beatcheck bench bindings`: asks the questions of an enrolled device, and writes what it took.

usage: bench.py BINDINGS_DIR HOME VAULT QUESTIONS REPORT

BINDINGS_DIR holds beatcheck.py as the generator wrote it, and the library beside it. The form of QUESTIONS and REPORT stands
in docs/benches.md.
"""
import json, statistics, sys, time

sys.path.insert(0, sys.argv[1])
import beatcheck as bc  # noqa: E402

home, vault, questions, report = sys.argv[2:6]
WARM, CALLS, BATCHES = 200, 100, 1000
NAMES = {bc.Outcome.HIT: "Hit", bc.Outcome.POSSIBLE: "Possible", bc.Outcome.NO_TRACE: "NoTrace", bc.Outcome.CANNOT_SAY: "CannotSay"}

device = bc.Device.open(home, bc.desk_vault(vault), None)
with open(questions, encoding="utf-8") as f:
    asked = [line.rstrip("\n").split("\t") for line in f]


def check(question):
    if question[0] == "v":
        return device.check_vehicle(bc.VehicleQuery(vrm=question[1]), bc.Why(purpose="traffic_stop"))
    surname, given, dob = (cell or None for cell in question[1:4])
    return device.check_person(bc.PersonQuery(surname=surname, given=given, dob=dob), bc.Why(purpose="stop_search"))


def call(metric, f):
    means = []
    for _ in range(BATCHES):
        begun = time.perf_counter_ns()
        for _ in range(CALLS):
            f()
        means.append((time.perf_counter_ns() - begun) / CALLS)
    means.sort()
    return {"case": "call", "metric": metric, "n": CALLS * BATCHES, "ns": [statistics.median(means), means[BATCHES * 99 // 100 - 1]]}


lines = [call("version()", bc.version), call("lifecycle()", device.lifecycle)]
for kind in "vp":
    for question in [q for q in asked if q[0] == kind][:WARM]:
        check(question)
took, answers = {"v": [], "p": []}, []
for question in asked:
    begun = time.perf_counter_ns()
    answer = check(question)
    took[question[0]].append((time.perf_counter_ns() - begun) / 1e3)
    answers.append(f"{NAMES[answer.outcome]}:{len(answer.hits)}")
lines += [{"case": "vehicle", "us": took["v"]}, {"case": "person", "us": took["p"]}, {"case": "answers", "all": answers}]
with open(report, "w", encoding="utf-8") as f:
    f.writelines(json.dumps(line) + "\n" for line in lines)
