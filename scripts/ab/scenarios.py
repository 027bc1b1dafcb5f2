# SPDX-License-Identifier: GPL-2.0-only
"""What the guests of an experiment are and do."""

import dataclasses

# Of a rewriting guest's pages, a tick's share: all of them in some ten seconds.
REWRITE_PART = 100


@dataclasses.dataclass
class Scenario:
    """Options of the guests' agent, and the Debian images they boot, if any."""

    text: str
    mode: str = "busybox"
    images: tuple = ()
    boot_seconds: int = 120
    settle_percent: float = 1.0
    # Else counters may go on changing for as long as guests run.
    must_settle: bool = True
    guests: int = 3
    # To so many tenants the guests belong, by turns.
    tenants: int = 0
    # The last guest takes no part in merging.
    outsider: bool = False

    def image(self, number):
        """The image of guest `number`, counted from 1."""
        return self.images[(number - 1) % len(self.images)] if self.images else None


SCENARIOS = {
    "identical": Scenario(
        "clones of one small system; each fills memory, a fifth of it alike in all "
        "guests, a quarter alike within a guest, half its own, and keeps rewriting "
        "one page in 128"),
    "debian": Scenario(
        "idle clones of a Debian 12 with systemd, cron, syslog and SSH; a part of "
        "their memory is filled as in \"identical\"",
        "debian", ("bookworm",), 600, 2.0),
    "workload": Scenario(
        "clones of a Debian 12; nginx serves files, half of each alike in all "
        "guests, and redis keeps records that are different in each",
        "workload", ("bookworm",), 600, 2.0),
    "mixed": Scenario(
        "idle Debian 12 and Debian 13 by turns",
        "debian", ("bookworm", "trixie"), 600, 2.0),
    "rewrite": Scenario(
        "as \"identical\", but the last guest rewrites all its memory again and "
        "again", settle_percent=5.0, must_settle=False),
    "tenants": Scenario(
        "as \"identical\", but the guests belong to two tenants by turns, which uksm "
        "keeps apart (--isolation)", guests=4, tenants=2),
    "outsider": Scenario(
        "as \"identical\", but the last guest does not take part in merging",
        outsider=True),
}


def agent_arguments(name, number, guests, fill_mib):
    """SEED,MEBIBYTES,STRIDE,REWRITES,MODE for guest/agent.c."""
    stride, rewrites = 128, 8
    if name == "rewrite" and number == guests:
        stride, rewrites = 1, max(1, fill_mib * 256 // REWRITE_PART)
    return f"{number},{fill_mib},{stride},{rewrites},{SCENARIOS[name].mode}"


def kernel_command_line(name, number, guests, fill_mib):
    words = ["console=ttyS0", "quiet", "panic=-1", "oops=panic", "no_timer_check",
             "mitigations=off",
             f"ab.agent={agent_arguments(name, number, guests, fill_mib)}"]
    if SCENARIOS[name].mode == "debian":
        words += ["systemd.mask=nginx.service", "systemd.mask=redis-server.service"]
    return " ".join(words)
