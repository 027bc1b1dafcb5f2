# SPDX-License-Identifier: GPL-2.0-only
"""Charts as inline SVG.  Colours are CSS variables, so that the page's style for
the screen, the dark and paper applies to them too."""

import html
import math

LINE_POINTS = 400


def number(value):
    """A coordinate, short and always the same."""
    return f"{value:.1f}".removesuffix(".0")


def nice_step(span, wanted):
    """1, 2 or 5 times a power of ten: about so many steps in the span."""
    rough = max(span, 1e-9) / wanted
    power = 10 ** math.floor(math.log10(rough))
    for factor in (1, 2, 5, 10):
        if rough <= factor * power:
            return factor * power
    return 10 * power


def ticks(low, high, wanted):
    step = nice_step(high - low, wanted)
    first = math.ceil(low / step)
    return [index * step for index in range(first, int(high / step + 1e-9) + 1)]


def tick_label(value):
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) \
        else f"{value:g}"


def thin(points):
    """No more points than can be seen."""
    if len(points) <= LINE_POINTS:
        return points
    step = len(points) / LINE_POINTS
    return [points[int(index * step)] for index in range(LINE_POINTS)] + \
        [points[-1]]


class Chart:
    """A frame with linear axes from 0, to draw into."""

    left, right, top, bottom = 64, 16, 14, 42

    def __init__(self, title, size, x_max, y_max, x_name, y_name):
        self.title = title
        self.width, self.height = size
        self.x_max = x_max or 1
        self.y_max = y_max or 1
        self.parts = []
        self.axes(x_name, y_name)

    def x(self, value):
        return self.left + value / self.x_max * \
            (self.width - self.left - self.right)

    def y(self, value):
        return self.height - self.bottom - value / self.y_max * \
            (self.height - self.top - self.bottom)

    def text(self, x, y, text, kind="tick", anchor="middle"):
        self.parts.append(f'<text x="{number(x)}" y="{number(y)}" class="{kind}" '
                          f'text-anchor="{anchor}">{html.escape(text)}</text>')

    def rule(self, x1, y1, x2, y2, kind="grid"):
        self.parts.append(f'<line x1="{number(x1)}" y1="{number(y1)}" '
                          f'x2="{number(x2)}" y2="{number(y2)}" class="{kind}"/>')

    def axes(self, x_name, y_name):
        left, right = self.x(0), self.x(self.x_max)
        for value in ticks(0, self.y_max, 5):
            self.rule(left, self.y(value), right, self.y(value))
            self.text(left - 8, self.y(value) + 4, tick_label(value), anchor="end")
        for value in ticks(0, self.x_max, 8):
            self.rule(self.x(value), self.y(0), self.x(value), self.y(0) + 5, "axis")
            self.text(self.x(value), self.y(0) + 18, tick_label(value))
        self.rule(left, self.y(0), right, self.y(0), "axis")
        self.text((left + right) / 2, self.height - 6, x_name, "name")
        middle = (self.top + self.height - self.bottom) / 2
        self.parts.append(
            f'<text transform="translate(14 {number(middle)}) rotate(-90)" '
            f'class="name" text-anchor="middle">{html.escape(y_name)}</text>')

    def line(self, points, colour, faint=False):
        path = " ".join(f"{number(self.x(x))},{number(self.y(y))}"
                        for x, y in thin(points))
        kind = "line faint" if faint else "line"
        self.parts.append(f'<polyline points="{path}" class="{kind}" '
                          f'style="stroke:var(--{colour})"/>')

    def dot(self, x, y, colour, tip):
        self.parts.append(
            f'<circle cx="{number(self.x(x))}" cy="{number(self.y(y))}" r="4" '
            f'class="dot" style="fill:var(--{colour})">'
            f'<title>{html.escape(tip)}</title></circle>')

    def guide(self, value, label):
        """A level that matters."""
        self.rule(self.x(0), self.y(value), self.x(self.x_max), self.y(value),
                  "guide")
        self.text(self.x(self.x_max) - 4, self.y(value) - 4, label, "tick", "end")

    def render(self):
        return (f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
                f'aria-label="{html.escape(self.title)}">'
                f'{"".join(self.parts)}</svg>')


class Spans:
    """Rows of p50 to p99 on a logarithmic axis of microseconds."""

    label_width, row_height, top, bottom = 210, 26, 8, 40

    def __init__(self, title, width, rows):
        self.title = title
        self.width = width
        self.rows = rows
        self.height = self.top + self.row_height * len(rows) + self.bottom
        values = [value for row in rows for value in row[2:]]
        self.low = math.floor(math.log10(max(min(values), 0.1)))
        self.high = max(self.low + 1, math.ceil(math.log10(max(values))))

    def x(self, value):
        part = (math.log10(max(value, 0.1)) - self.low) / (self.high - self.low)
        return self.label_width + part * (self.width - self.label_width - 60)

    def grid(self):
        parts = []
        floor = self.height - self.bottom
        for power in range(self.low, self.high + 1):
            x = number(self.x(10 ** power))
            label = f"{10 ** power:g} µs" if power < 3 else \
                f"{10 ** (power - 3):g} ms" if power < 6 else \
                f"{10 ** (power - 6):g} s"
            parts.append(f'<line x1="{x}" y1="{self.top}" x2="{x}" y2="{floor}" '
                         f'class="grid"/><text x="{x}" y="{floor + 18}" '
                         f'class="tick" text-anchor="middle">{label}</text>')
        return parts

    def render(self):
        parts = self.grid()
        for index, (label, colour, low, high) in enumerate(self.rows):
            y = self.top + self.row_height * (index + 0.5)
            parts.append(
                f'<text x="{self.label_width - 12}" y="{number(y + 4)}" class="tick" '
                f'text-anchor="end">{html.escape(label)}</text>'
                f'<line x1="{number(self.x(low))}" y1="{number(y)}" '
                f'x2="{number(self.x(high))}" y2="{number(y)}" class="span" '
                f'style="stroke:var(--{colour})"/>'
                f'<circle cx="{number(self.x(low))}" cy="{number(y)}" r="4.5" '
                f'class="hollow" style="stroke:var(--{colour})"/>'
                f'<circle cx="{number(self.x(high))}" cy="{number(y)}" r="4.5" '
                f'style="fill:var(--{colour})"/>'
                f'<text x="{number(self.x(high) + 9)}" y="{number(y + 4)}" '
                f'class="tick">{short_time(high)}</text>')
        return (f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
                f'aria-label="{html.escape(self.title)}">{"".join(parts)}</svg>')


def short_time(microseconds):
    if microseconds < 1000:
        return f"{microseconds:.0f} µs"
    if microseconds < 1e6:
        return f"{microseconds / 1000:.1f} ms"
    return f"{microseconds / 1e6:.1f} s"
