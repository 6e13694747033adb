#!/usr/bin/env python3
"""Draws docs/cutover.svg: the stages of a guarded plan, and its cutover step by step.

usage: reshard report split.plan -o json | scripts/draw-cutover.py >docs/cutover.svg
"""

import json
import sys
from html import escape

# The stages of docs/guarded.md, by the phase with which each begins.
STAGES = {
    "preflight": "prepare",
    "provision-peers": "seed",
    "freeze-source": "leave",
    "follow": "follow",
    "list-shard": "route",
    "cut-over": "cut over",
    "unfreeze": "settle",
    "remove-guard": "clean up",
}
WIDTH, LEFT, RIGHT, ROW, BAR = 480, 96, 400, 24, 14
# It has a ground of its own, so that the text is read on any page.
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.small { font-size: 13px; fill: #57606a } .title { font-weight: 600 } .right { text-anchor: end }
.ground { fill: #ffffff; stroke: #d0d7de } .calm { fill: #6e9bd1 } .waits { fill: #d9822b } .commit { fill: #b3261e }
.band { fill: #d9822b; opacity: .16 } .grid { stroke: #d0d7de }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9da7b3 } .ground { fill: #161b22; stroke: #30363d } .grid { stroke: #30363d }
.calm { fill: #5a8ac6 } .waits { fill: #e0913f } .commit { fill: #f0655a } .band { opacity: .24 } }
"""


def stages(report):
    """Each stage with its beginning and end, in seconds of work: pauses between phases, which may last for days, are left out."""
    found, stage, at = {}, None, 0.0
    for phase in report["phases"]:
        stage = STAGES.get(phase["name"], stage)
        began, at = at, at + phase["seconds"]
        found[stage] = (found.get(stage, (began, at))[0], at)
    return [(name, began, ended) for name, (began, ended) in found.items()]


def cutover(report):
    """The steps of the cutover that was done, in milliseconds, and the time for which requests waited."""
    record = next(one for one in report["cutovers"] if one["verdict"] == "done")
    steps = [(one["name"], one["began_micros"] / 1e3, one["took_micros"] / 1e3) for one in record["steps"]]
    began = {name: at for name, at, _ in steps}
    ends = {name: at + took for name, at, took in steps}
    return steps, began["gate"], ends["switch"]


class Drawing:
    def __init__(self):
        self.parts, self.y = [], 30

    def text(self, x, content, classes=""):
        self.parts.append(f'<text x="{x}" y="{self.y}" class="{classes}">{escape(content)}</text>')

    def line(self, content, classes):
        self.text(16, content, classes)
        self.y += ROW - 2

    def rows(self, rows, unit, class_of, digits):
        """Rows with a name, a bar from one time to another, and a length."""
        scale = (RIGHT - LEFT) / max(end for _, _, end in rows)
        for name, began, ended in rows:
            self.text(16, name)
            x, width = LEFT + began * scale, max((ended - began) * scale, 2)
            self.parts.append(
                f'<rect x="{x:.1f}" y="{self.y - BAR + 2}" width="{width:.1f}" height="{BAR}" rx="2" class="{class_of(name)}"/>'
            )
            self.text(WIDTH - 16, f"{ended - began:.{digits}f} {unit}", "right small")
            self.y += ROW
        return scale


def draw(report):
    drawing = Drawing()
    phases = stages(report)
    steps, gate, switched = cutover(report)
    drawing.line("A guarded plan, from beginning to end", "title")
    drawing.line("reads and writes go on all the time", "small")
    drawing.y += 6
    drawing.rows(phases, "s", lambda name: "waits" if name == "cut over" else "calm", 1)
    drawing.y += 10
    drawing.parts.append(f'<line x1="16" x2="{WIDTH - 16}" y1="{drawing.y - 20}" y2="{drawing.y - 20}" class="grid"/>')
    drawing.y += 8
    drawing.line("Its cutover, step by step", "title")
    drawing.line(f"from gate to switch, {switched - gate:.0f} ms, requests for the moving vnodes wait;", "small")
    drawing.line("with the step “open” the new shard owns them", "small")
    drawing.y += 6
    top = drawing.y - BAR - 4
    place = len(drawing.parts)

    def class_of(name):
        began = next(at for step, at, _ in steps if step == name)
        if name == "open":
            return "commit"
        return "waits" if gate <= began < switched else "calm"

    scale = drawing.rows([(name, at, at + took) for name, at, took in steps], "ms", class_of, 1)
    band = f'<rect x="{LEFT + gate * scale:.1f}" y="{top}" width="{(switched - gate) * scale:.1f}" '
    drawing.parts.insert(place, f'{band}height="{drawing.y - top - ROW + 10}" class="band"/>')
    height = drawing.y
    described = f"Requests waited for {switched - gate:.0f} ms of a plan of {phases[-1][2]:.0f} s."
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH * 3 // 2}" role="img">'
        f"<title>Time line of a guarded plan and its cutover</title><desc>{described}</desc><style>{STYLE}</style>"
        f'<rect x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8" class="ground"/>\n' + "\n".join(drawing.parts) + "\n</svg>"
    )


if __name__ == "__main__":
    print(draw(json.load(sys.stdin)))
