"""Runs every tool over one labelled set, then ours, and says in one table who finds whom and how fast."""

import argparse
import gc
import json
import subprocess
import sys
import time

import chart
import data
import linkage
import tools

FALSE_SHARE = 0.01


def say(text):
    print(f"baselines: {text}", file=sys.stderr, flush=True)


def recall(questions, answers, first):
    found = sum(any(i in q.accept for _, i in a[:first]) for q, a in zip(questions, answers))
    return found / max(len(questions), 1)


def told_apart(present, answers, absent):
    """True persons first and above the score that one in a hundred of those who are not there reaches."""
    strangers = sorted((a[0][0] if a else float("-inf") for a in absent), reverse=True)
    threshold = strangers[int(FALSE_SHARE * len(strangers))] if strangers else 0.0
    mine = sum(bool(a) and a[0][1] in q.accept and a[0][0] > threshold for q, a in zip(present, answers))
    return mine / max(len(present), 1)


def percentile(values, share):
    values = sorted(values)
    return values[int((len(values) - 1) * share)] if values else None


def ask(tool, questions):
    answers, took = [], []
    for q in questions:
        begun = time.perf_counter()
        answers.append(tool.answer(q))
        took.append((time.perf_counter() - begun) * 1e3)
    return answers, took


def figures(name, by_task, answered, took):
    out = {"tool": name, "n": {t: len(q) for t, q in by_task.items()}}
    for task in data.TASKS:
        if task in answered:
            out[task] = [recall(by_task[task], answered[task], n) for n in (1, 10)]
    if {"name_dob", data.ABSENT} <= answered.keys():
        out["told_apart"] = told_apart(by_task["name_dob"], answered["name_dob"], answered[data.ABSENT])
    out["p50_ms"], out["p99_ms"] = percentile(took, 0.5), percentile(took, 0.99)
    return out


def ours(beatcheck, folder, half):
    say("asking beatcheck")
    line = [beatcheck, "bench", "match", "--data", folder, "--half", half, "--json"]
    said = subprocess.run(line, check=True, capture_output=True, text=True).stdout
    of = {(f["case"], f["metric"]): f for f in map(json.loads, said.splitlines())}
    value = lambda case, metric: of[case, metric]["value"]
    out = {"tool": "beatcheck, encrypted, whole check"}
    out["n"] = {t: of[t, "recall@1"]["n"] for t in data.TASKS} | {data.ABSENT: of[data.ABSENT, "shown as possible"]["n"]}
    out |= {t: [value(t, "recall@1"), value(t, "recall@10")] for t in data.TASKS}
    out["told_apart"] = value("name_dob", "told apart at 1% false")
    out["p50_ms"], out["p99_ms"] = (value("name_dob", f"check {p}") / 1e3 for p in ("p50", "p99"))
    return out


def table(rows):
    head = ["tool", "n", *data.TASKS, "told apart", "p50/p99 ms"]
    cells = []
    for r in rows:
        pair = lambda v: "/".join(f"{x:.3f}" for x in v) if v else "-"
        ms = "batch" if r["p50_ms"] is None else f"{r['p50_ms']:.2f}/{r['p99_ms']:.2f}"
        apart = f"{r['told_apart']:.3f}" if "told_apart" in r else "-"
        asked = [n for n in r["n"].values() if n]
        n = f"{min(asked)}-{max(asked)}" if asked else "0"
        cells.append([r["tool"], n, *(pair(r.get(t)) for t in data.TASKS), apart, ms])
    widths = [max(len(str(row[i])) for row in [head, *cells]) for i in range(len(head))]
    for row in [head, *cells]:
        print("  ".join(str(c).ljust(w) for c, w in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(prog="script/baselines")
    parser.add_argument("--beatcheck", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--data", required=True, help="folder with persons.csv and queries.jsonl")
    parser.add_argument("--half", default="report", choices=("report", "tune"))
    parser.add_argument("--sample", type=int, default=300, help="questions of each task for tools that take long")
    parser.add_argument("--only", default="", help="tools, by a word of their name, separated by commas")
    parser.add_argument("--json", help="write all figures to this file")
    parser.add_argument("--svg", help="draw them to this file")
    args = parser.parse_args()
    wanted = lambda name: not args.only or any(w.lower() in name.lower() for w in args.only.split(","))
    people, every = data.persons(args.data), data.questions(args.data, args.half)
    few = {t: q[: args.sample] for t, q in every.items()}
    rows = []
    for kind in (tools.Sql, tools.Fts5, tools.Brute, tools.Tantivy):
        if not wanted(kind.name):
            continue
        say(f"{kind.name}: building over {len(people)} persons")
        tool, by_task = kind(people), few if kind.slow else every
        answered, took = {}, []
        for task, asked in by_task.items():
            say(f"{kind.name}: {len(asked)} of {task}")
            answered[task], ms = ask(tool, asked)
            # The figure of all tools is that of one task: names and a date of birth.
            took += ms if task == "name_dob" else []
        rows.append(figures(kind.name, by_task, answered, took))
        del tool
        gc.collect()
    if wanted(linkage.NAME):
        say(f"{linkage.NAME}: name_dob and {data.ABSENT}")
        asked = every["name_dob"] + every[data.ABSENT]
        answers = linkage.answers(people, asked)
        n = len(every["name_dob"])
        by_task = {"name_dob": every["name_dob"], data.ABSENT: every[data.ABSENT]}
        rows.append(figures(linkage.NAME, by_task, {"name_dob": answers[:n], data.ABSENT: answers[n:]}, []))
    if wanted("beatcheck"):
        rows.append(ours(args.beatcheck, args.data, args.half))
    table(rows)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"persons": len(people), "half": args.half, "tools": rows}, file, indent=1)
    if args.svg:
        with open(args.svg, "w", encoding="utf-8") as file:
            file.write(chart.svg(f"Found first, of {len(people):,} persons", rows))


main()
