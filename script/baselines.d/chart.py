"""Bars by task and tool, as plain SVG: nothing to install, and a diff that can be read."""

from html import escape

import data

COLOURS = ("#b8b8b8", "#8fa8c8", "#c8a888", "#98b898", "#b898b8", "#1450a0")
LEFT, TOP, WIDTH, HEIGHT, BAR = 50, 50, 900, 260, 16
FROM = 0.4


def svg(title, rows):
    tasks = [*data.TASKS, "told_apart"]
    value = lambda row, task: row[task][0] if isinstance(row.get(task), list) else row.get(task)
    group = (WIDTH - LEFT) / len(tasks)
    y = lambda v: TOP + HEIGHT * (1 - (max(v, FROM) - FROM) / (1 - FROM))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {TOP + HEIGHT + 60}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{TOP + HEIGHT + 60}" fill="#fff"/>',
        f'<text x="{LEFT}" y="20" font-size="15">{escape(title)}</text>',
    ]
    for mark in (0.4, 0.6, 0.8, 1.0):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y(mark):.0f}" y2="{y(mark):.0f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(mark) + 4:.0f}" text-anchor="end">{mark:.1f}</text>')
    for t, task in enumerate(tasks):
        x = LEFT + t * group + 10
        out.append(f'<text x="{x:.0f}" y="{TOP + HEIGHT + 18}">{task.replace("_", " ")}</text>')
        for i, row in enumerate(rows):
            v = value(row, task)
            if v is not None:
                at, top = x + i * BAR, y(v)
                out.append(
                    f'<rect x="{at:.0f}" y="{top:.1f}" width="{BAR - 2}" height="{TOP + HEIGHT - top:.1f}" '
                    f'fill="{COLOURS[i % len(COLOURS)]}"><title>{escape(row["tool"])}: {v:.3f}</title></rect>'
                )
    for i, row in enumerate(rows):
        x = LEFT + (i % 3) * 290
        line = TOP + HEIGHT + 36 + 16 * (i // 3)
        out.append(f'<rect x="{x}" y="{line - 9}" width="10" height="10" fill="{COLOURS[i % len(COLOURS)]}"/>')
        out.append(f'<text x="{x + 15}" y="{line}">{escape(row["tool"])}</text>')
    return "\n".join([*out, "</svg>", ""])
