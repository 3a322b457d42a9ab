#!/usr/bin/env python3
"""Holds the error tables of the guides against the core: every variant has its row, each code in a row is one of that variant's
(docs/api/errors.md), and each text in quotes is one that the core says (core/client/src/officer_text.rs). `...` in a text stands for
anything, and so does a number. Run by script/follow-guides before any guide. Standard library only.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What a language's own layer adds: variants, and codes in rows of the core's.
OWN = {
    "integrate-android.md": {"Library": {"binding", "library_missing"}, "Defect": {"defect"}},
    "integrate-ios.md": {"storage": {"internal"}},
}


def codes():
    """Variant, in lower case, to its codes."""
    text = (ROOT / "docs/api/errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `ApiException\.(\w+)` \|.*Codes: (.*) \|$", text, re.M)
    return {variant.lower(): set(re.findall(r"`(\w+)`", listed)) for variant, listed in rows}


def texts():
    """What the core says to officers, with `#` where it puts a number."""
    source = (ROOT / "core/client/src/officer_text.rs").read_text(encoding="utf-8")
    bodies = source.partition("pub fn officer_text")[2].partition("pub fn log_text")[0] + source.partition("\nfn refused")[2]
    return [re.sub(r"\{\w+\}", "#", one) for one in re.findall(r'"([A-Z][^"]+)"', bodies)]


def rows(guide):
    """The table under `## Errors` of a guide's text: first cell, second cell."""
    table = guide.partition("\n## Errors\n")[2].partition("\n## ")[0]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            yield cells[0].strip("`"), cells[1]


def wrong(guide, own, known, said):
    """What is wrong with a guide's text."""
    seen = set()
    for variant, cell in rows(guide):
        seen.add(variant.lower())
        allowed = known.get(variant.lower(), set()) | own.get(variant, set())
        if not allowed:
            yield f"{variant} is no variant"
        for code in re.findall(r"`(\w+)`", re.sub(r'"[^"]+"', "", cell)):
            if code not in allowed:
                yield f"{variant} has no code {code}"
        for text in re.findall(r'"([^"]+)"', cell):
            pattern = ".*".join(re.escape(part) for part in re.sub(r"\d+", "#", text).split("..."))
            if not any(re.fullmatch(pattern, one) for one in said):
                yield f"{variant}: the core does not say: {text}"
    for variant in sorted(known.keys() - seen):
        yield f"{variant} has no row"


def main():
    known, said = codes(), texts()
    if len(known) < 7 or len(said) < 20:
        sys.exit("check_errors: the core's variants or texts were not found: this check reads them wrongly")
    bad = []
    for name, own in OWN.items():
        guide = (ROOT / "docs" / name).read_text(encoding="utf-8")
        bad += [f"docs/{name}: {what}" for what in wrong(guide, own, known, said)]
    for line in bad:
        print(line, file=sys.stderr)
    if bad:
        sys.exit(1)
    print(f"error tables of {len(OWN)} guides: {len(known)} variants each, codes and texts as in the core")


if __name__ == "__main__":
    main()
