# SPDX-License-Identifier: GPL-2.0-only
"""Just enough SVG for the charts of tests/bench: an axis frame, lines, bars,
words."""

import html
import math

INK = "#1f2430"
FAINT = "#8a90a0"
GRID = "#e3e6ec"
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"


def ticks(most, wanted=5):
    """Round numbers from 0 up to at least `most`."""
    step = 10 ** math.floor(math.log10(most / wanted))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor * wanted >= most)
    return [step * i for i in range(math.ceil(most / step - 1e-9) + 1)]


class Drawing:
    """Elements, in the order in which they are painted."""

    def __init__(self, width, height, title, subtitle=""):
        self.width, self.height = width, height
        self.parts = []
        self.text(24, 32, title, size=16, weight="bold")
        self.text(24, 52, subtitle, color=FAINT)

    def add(self, name, **attributes):
        words = " ".join(f'{key.replace("_", "-")}="{value}"'
                         for key, value in attributes.items())
        self.parts.append(f"<{name} {words}/>")

    def text(self, x, y, words, size=12, anchor="start", color=INK, weight="normal"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{color}" font-weight="{weight}">{html.escape(words)}</text>')

    def line(self, x1, y1, x2, y2, color=GRID, width=1, dash="none"):
        self.add("line", x1=f"{x1:.1f}", y1=f"{y1:.1f}", x2=f"{x2:.1f}", y2=f"{y2:.1f}",
                 stroke=color, stroke_width=width, stroke_dasharray=dash)

    def bar(self, x, y, width, height, color):
        self.add("rect", x=f"{x:.1f}", y=f"{y:.1f}", width=f"{max(width, 0.5):.1f}",
                 height=f"{height:.1f}", fill=color)

    def curve(self, points, color, dash="none"):
        self.add("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
                 fill="none", stroke=color, stroke_width=2, stroke_dasharray=dash,
                 stroke_linejoin="round")

    def __str__(self):
        return "\n".join((
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}" '
            f'font-family="{FONT}">',
            "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
            '<rect width="100%" height="100%" fill="#ffffff"/>', *self.parts, "</svg>", ""))


class Frame:
    """Two axes, and the place of a value between them: y from 0, x from 0 or, in
    powers of ten, from a decade on."""

    def __init__(self, drawing, box, most, titles, decades=False):
        self.left, self.top, self.right, self.bottom = box
        self.decades = decades
        self.y_ticks = ticks(most[1])
        self.x_ticks = self.powers(most[0]) if decades else ticks(most[0])
        for value in self.y_ticks:
            y = self.y(value)
            drawing.line(self.left, y, self.right, y)
            drawing.text(self.left - 8, y + 4, f"{value:g} %", anchor="end", color=FAINT)
        for value in self.x_ticks:
            x = self.x(value)
            drawing.line(x, self.bottom, x, self.bottom + 5, color=FAINT)
            drawing.text(x, self.bottom + 20, f"{value:g}", anchor="middle", color=FAINT)
        drawing.line(self.left, self.bottom, self.right, self.bottom, color=FAINT)
        drawing.text((self.left + self.right) / 2, self.bottom + 42, titles[0],
                     anchor="middle")
        drawing.text(self.left, self.top - 14, titles[1])

    @staticmethod
    def powers(most):
        last = math.ceil(math.log10(most))
        return [10.0 ** power for power in range(last - 3, last + 1)]

    def x(self, value):
        first, last = self.x_ticks[0], self.x_ticks[-1]
        if self.decades:
            part = math.log10(max(value, first) / first) / math.log10(last / first)
        else:
            part = value / last
        return self.left + (self.right - self.left) * part

    def y(self, value):
        return self.bottom - (self.bottom - self.top) * value / self.y_ticks[-1]
