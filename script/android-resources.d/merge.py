#!/usr/bin/env python3
"""Merges an Android library's manifest into an app's, for tests: usage merge.py LIBRARY APP, the result on standard output.

As the Android Gradle plugin's merger does it in the plain cases: what the app has stays, elements and attributes that it lacks are added.
An attribute that both have with different values is refused, and so is all that `tools:` would decide.
"""
import sys
import xml.etree.ElementTree as xml

ANDROID = "http://schemas.android.com/apk/res/android"
NAME = f"{{{ANDROID}}}name"
xml.register_namespace("android", ANDROID)


def merge(ours, theirs, path):
    for key, value in theirs.attrib.items():
        if key == "package":
            continue
        if "schemas.android.com/tools" in key or ours.get(key, value) != value:
            sys.exit(f"merge: {path} {key}: {ours.get(key)!r} or {value!r}")
        ours.set(key, value)
    for child in theirs:
        name = child.get(NAME)
        single = child.tag in ("application", "uses-sdk", "queries")
        same = [c for c in ours if c.tag == child.tag and (single or (name is not None and c.get(NAME) == name))]
        if same:
            merge(same[0], child, f"{path}/{child.tag}")
        else:
            ours.append(child)


library, app = (xml.parse(path).getroot() for path in sys.argv[1:3])
merge(app, library, "manifest")
xml.indent(app)
print(xml.tostring(app, encoding="unicode"))
