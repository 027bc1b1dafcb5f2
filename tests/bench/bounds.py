# SPDX-License-Identifier: GPL-2.0-only
"""The table tests/bench/bounds.table, and what results say of it."""

import math
import pathlib

import figures

TABLE = pathlib.Path(__file__).with_name("bounds.table")


class Bound:
    """A line of the table."""

    def __init__(self, line):
        self.work, self.variant, self.preset, self.figure, self.limit, self.goal = \
            line.split()
        if self.variant == "-":
            self.variant = ""
        if self.goal == "-":
            self.goal = self.limit

    @property
    def name(self):
        return "/".join(part for part in (self.work, self.variant.replace("/", "-to-"),
                                          self.preset, self.figure.strip("/"))
                        if part)

    def value_in(self, groups):
        """What was measured; None if it was not or there is nothing to divide by, and
        no number if it was without result, which no limit takes for good."""
        name = self.figure.lstrip("/")
        ours, *others = (self.median_in(groups, variant, self.preset, name)
                         for variant in self.variant.split("/"))
        if self.figure.startswith("/"):
            others = [self.median_in(groups, self.variant, figures.BASELINES[self.preset],
                                     name)]
        if ours is None or None in others:
            return None
        for other in others:
            if not other or math.isnan(other):
                return None
            ours /= other
        return ours

    def median_in(self, groups, variant, preset, name):
        values = groups.get((self.work, variant), {}).get(preset)
        if values is None:
            return None
        return figures.median(values.get(name)) if name in values else math.nan


def holds(value, limit):
    if limit.startswith(">"):
        return value >= float(limit[1:])
    return value <= float(limit)


def words(limit):
    return f"at least {limit[1:]}" if limit.startswith(">") else f"at most {limit}"


def table():
    return [Bound(line) for line in TABLE.read_text().splitlines()
            if line.strip() and not line.startswith("#")]


def measured(results):
    """Of each bound on something that was measured: itself and the value."""
    groups = figures.group(results)
    for bound in table():
        value = bound.value_in(groups)
        if value is not None:
            yield bound, value
