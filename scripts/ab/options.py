# SPDX-License-Identifier: GPL-2.0-only
"""The command line of scripts/uksm-ab."""

import argparse
import os
import pathlib

from .contestants import SETTINGS, Contestant
from .scenarios import SCENARIOS
from .tenants import KINDS

DESCRIPTION = """\
Compare ksmd and uksm on the same KVM guests.

Guests start one after another, each until the engine's counters hold still;
then everything is unmerged and merged from nothing, the guests go on for a
while, and stop in reverse order, each after comparing every byte of its memory.
This is done for each contestant in turn, in one boot, and repeated if told to.

By default that happens in an emulated machine (tests/vm/run) with nested
guests.  With --host it happens on this host, with its KVM and libvirt.
"""
EPILOG = """\
Contestants are ENGINE or ENGINE:SETTING. ENGINE is none (no merging), ksmd or
uksm. Without SETTING it gets --pages, --sleep and --smart-scan; SETTING is
%s, or NAME=VALUE+NAME=VALUE.

Exit status: 0 when every guest's memory was intact, every engine got through,
the kernel log was clean, and uksm was no worse than ksmd at equal settings.
""" % ", ".join(SETTINGS)

FULL = "ksmd:default,ksmd:ksmtuned,ksmd:advisor,uksm:auto"
# What differs by default: (on the rig, on a host).
DEFAULTS = {
    "guest_mem": (192, 1024), "duration": (20, 60), "max_seconds": (150, 1800),
    "interval": (1.0, 1.0),
}
DEBIAN_DEFAULTS = {"guest_mem": (256, 1024), "duration": (60, 300)}
# Until the emulated machine is given up, for each contestant's run: with guests
# of busybox, and of Debian.
CONTESTANT_SECONDS = (900, 2700)


# What a run can be made to fail by, besides a guest's memory, in which scenario.
DAMAGES = {"isolation": "tenants", "outsider": "outsider"}


def damage(text):
    contestant, _, what = text.rpartition(",")
    if not contestant or not (what.isdigit() or what in DAMAGES):
        raise argparse.ArgumentTypeError("is CONTESTANT,GUEST, CONTESTANT,isolation "
                                         "or CONTESTANT,outsider")
    return [contestant, int(what) if what.isdigit() else what]


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def add_guests(parser):
    group = parser.add_argument_group("guests")

    def add(name, text, **more):
        group.add_argument(f"--{name}", help=text, **more)

    add("scenario", "; ".join(f"{name}: {scenario.text}" for name, scenario in
                              SCENARIOS.items()),
        choices=list(SCENARIOS), default="identical", metavar="NAME")
    add("guests", "how many (3; of tenants 4)", type=positive, metavar="N")
    add("isolation", "with --scenario tenants: what tells them apart, each tenant's "
        "control group, or each tenant's user (then without libvirt); uksm is told so, "
        "ksmd has nothing of the kind (cgroup)", choices=KINDS)
    add("guest-mem", "MiB of memory of each (192, with Debian 256; 1024 on a host)",
        type=positive, metavar="MIB")
    add("fill", "MiB that each fills (half its memory; with Debian a sixth)",
        type=positive, metavar="MIB")
    add("duration", "seconds that all go on together (20, with Debian 60; 60 and 300 "
        "on a host)", type=int, metavar="SECONDS")
    add("guests-by", "libvirt, qemu (without libvirt), or auto: libvirt if it "
        "answers", choices=("auto", "libvirt", "qemu"), default="auto")
    add("damage", "flip a bit of that guest's memory; or with \"isolation\" for GUEST "
        "leave tenants together, with \"outsider\" let it take part: the run must fail",
        type=damage, metavar="CONTESTANT,GUEST")


def add_engines(parser):
    group = parser.add_argument_group("engines")

    def add(name, text, **more):
        group.add_argument(f"--{name}", help=text, **more)

    add("contestants", "separated by commas, in this order (none,ksmd,uksm)",
        default="none,ksmd,uksm", metavar="LIST")
    add("once", "further contestants, in the first of all repeats only",
        default="", metavar="LIST")
    group.add_argument("--full", action="store_true", help=f"--once {FULL}")
    add("equal", "what plain contestants have in common: their knobs, or the share "
        "of a CPU that they use, held by their pages_to_scan",
        choices=("knobs", "cpu"), default="knobs")
    add("pages", "pages_to_scan (1000)", type=positive, default=1000)
    add("sleep", "sleep_millisecs (20)", type=int, default=20)
    add("cpu", "percent of one CPU, with --equal cpu (20)", type=positive,
        default=20, metavar="PERCENT")
    add("smart-scan", "smart_scan, where there is one (0): with it ksmd passes over "
        "pages for up to eight full scans, and takes longer to settle", type=int,
        choices=(0, 1), default=0)
    add("repeats", "how often all is done, the order reversed each time (1)",
        type=positive, default=1, metavar="N")
    add("settle", "settled: no counter changed by more than PERCENT of all pages "
        "over a full scan (by scenario)", type=float, metavar="PERCENT")
    add("max-scans", "full scans to settle in (20)", type=positive, default=20)
    add("max-seconds", "seconds to settle in (150; 1800 on a host)", type=positive)
    add("interval", "seconds between samples (1)", type=float, metavar="SECONDS")
    group.add_argument("--no-cold", dest="cold", action="store_false",
                       help="leave out merging all guests from nothing")
    group.add_argument("--no-veto", dest="veto", action="store_false",
                       help="leave out the guest with <nosharepages/>")
    group.add_argument("--no-judge", dest="judge", action="store_false",
                       help="do not fail for uksm being worse than ksmd")


def add_places(parser):
    group = parser.add_argument_group("where")
    group.add_argument("--host", action="store_true", help="on this host, as root")
    group.add_argument("--take-over", action="store_true", help="with --host: stop "
                       "an engine that works there, and start it again afterwards")
    group.add_argument("--clean", action="store_true", help="only undo what a run "
                       "that was killed has left on this host")
    group.add_argument("--kernel", default=os.environ.get("KERNEL") or "6.12",
                       help="without --host: of tests/kernels (6.12)")
    group.add_argument("--timeout", type=positive, metavar="SECONDS",
                       help="without --host: for all of it (by what is to do)")
    group.add_argument("--module", type=pathlib.Path, metavar="FILE",
                       help="uksm.ko (build/KERNEL/uksm.ko; on a host what modprobe "
                       "finds)")
    group.add_argument("--guest-kernel", type=pathlib.Path, metavar="DIR",
                       help="a kernel that scripts/setup made (build/6.1)")
    group.add_argument("--out", type=pathlib.Path, metavar="DIR",
                       help="where the reports go (build/ab/KERNEL-DATE)")
    group.add_argument("--render", type=pathlib.Path, metavar="FILE",
                       help="only make the reports of such a report.json again, "
                       "into --out, or print the tables")
    group.add_argument("--build-only", action="store_true", help="only build what "
                       "guests boot")
    # The job of the emulated machine, which the part outside wrote.
    group.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)


def make_contestants(options, names):
    """Of a list as it is written, separated by commas."""
    equal = {"pages_to_scan": options.pages, "sleep_millisecs": options.sleep,
             "smart_scan": options.smart_scan}
    return [Contestant(text, equal, options.isolation)
            for text in names.split(",") if text]


def set_defaults(options, scenario):
    """What was not said, by where it runs and what guests do."""
    defaults = {name: values[options.host] for name, values in DEFAULTS.items()}
    if scenario.images:
        defaults.update({name: values[options.host]
                         for name, values in DEBIAN_DEFAULTS.items()})
    runs = options.repeats * len(options.contestants.split(",")) + \
        len(options.once.split(","))
    defaults.update(guests=scenario.guests, settle=scenario.settle_percent,
                    timeout=300 + runs * CONTESTANT_SECONDS[bool(scenario.images)])
    for name, value in defaults.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    if options.fill is None:
        options.fill = options.guest_mem // (6 if scenario.images else 2)


def set_isolation(options, scenario):
    """Only tenants are kept apart, and libvirt's guests are all one user's."""
    if not scenario.tenants:
        if options.isolation:
            raise ValueError("--isolation is for --scenario tenants; uksm gets it "
                             "elsewhere by --contestants uksm:isolation="
                             f"{options.isolation}")
        return
    options.isolation = options.isolation or "cgroup"
    if options.isolation == "user":
        if options.guests_by == "libvirt":
            raise ValueError("--isolation user: libvirt's guests are all one user's; "
                             "use --guests-by qemu")
        options.guests_by = "qemu"


def check_tenants(options, scenario, made):
    """What would make no sense of the scenario."""
    least = scenario.tenants or 1 + scenario.outsider
    if options.guests < least:
        raise ValueError(f"--scenario {options.scenario} takes at least {least} guests")
    for contestant in made if scenario.tenants else ():
        isolation = contestant.knobs.get("isolation", "none")
        if isolation not in ("none", "process", options.isolation):
            raise ValueError(f"{contestant.text}: the tenants are told apart by "
                             f"{options.isolation}; --isolation says by what")


def check_damage(options, made):
    if not options.damage:
        return
    text, what = options.damage
    if text not in [contestant.text for contestant in made]:
        raise ValueError(f"--damage: there is no contestant {text}")
    if what in DAMAGES and options.scenario != DAMAGES[what]:
        raise ValueError(f"--damage {text},{what} is for --scenario {DAMAGES[what]}")
    if what == "isolation" and not text.startswith("uksm"):
        raise ValueError("--damage: ksmd has no isolation")
    if what not in DAMAGES and not 1 <= what <= options.guests:
        raise ValueError(f"--damage: there is no guest {what}")


def parse(arguments=None):
    parser = argparse.ArgumentParser(
        description=DESCRIPTION, epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_places(parser)
    add_guests(parser)
    add_engines(parser)
    options = parser.parse_args(arguments)
    scenario = SCENARIOS[options.scenario]
    if options.full:
        options.once = FULL
    set_defaults(options, scenario)
    try:
        set_isolation(options, scenario)
        made = make_contestants(options, f"{options.contestants},{options.once}")
        check_tenants(options, scenario, made)
        check_damage(options, made)
    except ValueError as error:
        parser.error(str(error))
    if scenario.outsider:
        options.veto = False    # the outsider is one
    if options.fill > options.guest_mem * 3 // 4:
        parser.error(f"a guest of {options.guest_mem} MiB cannot fill "
                     f"{options.fill} MiB: at most three quarters")
    return options
