# SPDX-License-Identifier: GPL-2.0-only
"""What is compared: an engine with certain settings.

A contestant is written ENGINE or ENGINE:SETTING, where ENGINE is none, ksmd or
uksm, and SETTING is a name below or NAME=VALUE+NAME=VALUE.
"""

from .engine import KNOBS

SETTINGS = {
    "default": ({"pages_to_scan": 100, "sleep_millisecs": 20},
                "the kernel's defaults, 100 pages every 20 ms"),
    "ksmtuned": ({"pages_to_scan": 1250, "sleep_millisecs": 10},
                 "ksmtuned's ceiling, 1250 pages every 10 ms"),
    "advisor": ({"advisor_mode": "scan-time"},
                "the scan-time advisor at its defaults"),
    "auto": ({"advisor_mode": "auto"},
             "uksm's own pace, quick where there is something to find"),
}
# Settings that are not given pages and sleep must not inherit them.
DEFAULTS = {"advisor_mode": "none", "pages_to_scan": 100, "sleep_millisecs": 20}


class Contestant:
    """An engine and its knobs.

    `equal`: the knobs that all plain ones get; `isolation`: uksm's, where tenants
    are to be kept apart, for those that do not name another.
    """

    def __init__(self, text, equal, isolation=None):
        self.text = text
        self.engine, _, setting = text.partition(":")
        if self.engine not in ("none", "ksmd", "uksm"):
            raise ValueError(f"no engine is called {self.engine}")
        self.plain = not setting
        self.knobs = dict(DEFAULTS)
        if self.engine == "none":
            self.knobs, self.label = {}, "no engine"
        elif not setting:
            self.knobs.update(equal)
            self.label = self.engine
        elif setting in SETTINGS:
            self.knobs.update(SETTINGS[setting][0])
            self.label = f"{self.engine}, {setting}"
        else:
            self.knobs.update(parse_knobs(setting))
            self.label = f"{self.engine}, {setting.replace('+', ', ')}"
        if self.engine == "uksm" and isolation:
            self.knobs.setdefault("isolation", isolation)
        if self.knobs.get("advisor_mode", "none") != "none":
            self.knobs.pop("pages_to_scan")

    def available(self, engine):
        """Has this kernel's engine the knobs?  Those at stock's value may lack."""
        return all(engine.has(name) or value == DEFAULTS.get(name) or
                   name == "smart_scan" for name, value in self.knobs.items())


def parse_knobs(text):
    knobs = {}
    for assignment in text.split("+"):
        name, equals, value = assignment.partition("=")
        if name not in KNOBS or not equals or not value:
            raise ValueError(f"{assignment} is no setting: {', '.join(SETTINGS)}, "
                             f"or NAME=VALUE of {', '.join(KNOBS)}")
        knobs[name] = value
    return knobs
