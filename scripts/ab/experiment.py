# SPDX-License-Identifier: GPL-2.0-only
"""The experiment on the machine it runs on: guests start one after another
under each contestant, everything is measured, and guests verify their memory
before they stop in reverse order."""

import contextlib
import datetime
import json
import time

from . import domains, frames, hostinfo, hoststate, latency, oracle, scenarios, tenants
from .engine import COUNTERS, NoEngine, engines
from .errors import Failure
from .guest import Guest
from .monitor import COLUMNS, Governor, Monitor, Progress

# Of the times that steps take, before any is known; seconds on the rig.
WEIGHT_START, WEIGHT_COLD, WEIGHT_STOP, WEIGHT_VETO, WEIGHT_FRAMES = 18, 15, 6, 12, 5
GUEST_SECONDS = 180
EMPTY_SECONDS = 60
# A guest of its own that takes no part in merging.
VETO_FILL_MIB = 16
# Of a host's available memory guests may take so much.
MEMORY_PART = 0.8
# uksm looks at what is new twice, a second apart, before it merges it at its own pace.
OWN_PACE_SECONDS = 3


class Experiment:
    """All contestants, repeated; the record of it is `data`."""

    def __init__(self, options, contestants, once):
        self.options = options
        self.contestants = contestants
        self.once = once
        self.scenario = scenarios.SCENARIOS[options.scenario]
        self.progress = Progress()
        self.guests = []
        self.monitor = Monitor(options.interval, options.live, self.progress,
                               self.guests)
        self.engines = engines()
        self.backend = None
        self.tenants = None
        self.run = None
        self.data = {"format": 1, "runs": [], "complaints": [],
                     "columns": list(COLUMNS)}

    def complain(self, text):
        self.monitor.say(f"FAILED: {text}")
        self.data["complaints"].append(text)

    def save(self):
        """The record so far, so that little is lost however it ends."""
        self.data["seconds"] = round(self.monitor.seconds(), 1)
        new = self.options.raw.with_suffix(".new")
        try:
            new.write_text(json.dumps(self.data) + "\n")
            new.rename(self.options.raw)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise Failure(f"cannot write {self.options.raw}: "
                          f"{error.strerror}") from error

    # Guests

    def spec(self, number, veto=False):
        """What guest `number` is made of."""
        options, work = self.options, self.options.work
        name = f"{domains.PREFIX}{number}"
        fill = VETO_FILL_MIB if veto else options.fill
        image = None if veto else self.scenario.image(number)
        scenario = "identical" if veto else options.scenario
        disk = None
        if image:
            disk = work / f"{name}.qcow2"
            hoststate.command("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
                              "-b", options.images[image], disk)
        spec = domains.Spec(
            name=name, memory_mib=options.guest_mem, kernel=work / "kernel",
            initrd=work / ("debian.initrd" if image else "busybox.initrd"),
            cmdline=scenarios.kernel_command_line(scenario, number, options.guests,
                                                  fill),
            console=work / f"{name}.console", talk=work / f"{name}.talk", disk=disk,
            nosharepages=veto or self.is_outsider(number))
        if self.tenants and not veto:
            self.tenants.place(spec, number)
        return spec

    def is_outsider(self, number):
        """Does this guest take no part?  With --damage it does, to be found out."""
        return self.scenario.outsider and number == self.options.guests and \
            self.options.damage != [self.run["contestant"], "outsider"]

    def parts(self):
        """The guests by who they belong to."""
        if not self.tenants:
            return [self.guests]
        return tenants.by_tenant(self.guests, self.scenario.tenants)

    def new_guest(self, veto=False):
        spec = self.spec(len(self.guests) + 1, veto)
        self.guests.append(Guest(len(self.guests) + 1, spec, self.backend,
                                 self.idle))
        return self.guests[-1]

    def remove_guests(self):
        while self.guests:
            self.guests.pop().remove()

    def idle(self):
        """What is done while anything is waited for."""
        self.monitor.tick()
        for guest in self.guests[:-1]:
            guest.check_alive()

    def wait_full_scan(self, engine, seconds):
        """Wait for the end of a full scan; was there one?"""
        begun = engine.full_scans()
        deadline = time.monotonic() + seconds
        while engine.full_scans() == begun:
            if time.monotonic() > deadline:
                return False
            self.idle()
            for guest in self.guests:
                guest.check_alive()
            time.sleep(0.05)
        return True

    # Steps

    def begin_step(self, kind, title, **more):
        self.monitor.step(title)
        step = {"kind": kind, "guests": len(self.guests), **more}
        step["first"] = self.monitor.take()
        self.run["steps"].append(step)
        return step

    def is_settled(self, old, new):
        """Changes over a full scan, as parts of all pages."""
        old, new = (dict(zip(COLUMNS, self.run["samples"][index]))
                    for index in (old, new))
        tracked = max(1, sum(new[name] for name in COUNTERS))
        return all(abs(new[name] - old[name]) <= self.options.settle / 100 * tracked
                   for name in COUNTERS)

    def earlier(self, scans):
        """The sample with which the last one is compared: of the full scan before.

        An engine that sets its own pace waits for time to pass between two looks at a page,
        whatever the number of its full scans: then of one that is some seconds earlier.
        None if there is none yet; the first is that of a full scan under way, which proves
        nothing.
        """
        samples = self.run["samples"]
        own_pace = self.run["knobs_wanted"].get("advisor_mode") == "auto"
        for index in reversed(scans[1:-1]):
            if not own_pace or samples[scans[-1]][0] - samples[index][0] >= OWN_PACE_SECONDS:
                return index
        return None

    def settle(self, engine, step):
        """A sample after each full scan until the counters hold still."""
        scans = step["scans"] = [len(self.run["samples"]) - 1]
        step["settled"] = None
        deadline = time.monotonic() + self.options.max_seconds
        while len(scans) <= self.options.max_scans and \
                self.wait_full_scan(engine, deadline - time.monotonic()):
            scans.append(self.monitor.take())
            before = self.earlier(scans)
            if before is not None and self.is_settled(before, scans[-1]):
                step["settled"] = before
                return
        step["unsettled"] = (f"{self.run['label']} did not settle in "
                             f"{len(scans) - 1} full scans")
        self.monitor.say(step["unsettled"])
        if self.run["judged"] and self.scenario.must_settle:
            self.complain(step["unsettled"])

    def start_guest(self, engine):
        """A guest boots, fills its memory, and the engine settles."""
        number = len(self.guests) + 1
        step = self.begin_step("start", f"guest {number} up")
        guest = self.new_guest()
        guest.expect("booted", self.scenario.boot_seconds)
        merging = not isinstance(engine, NoEngine)
        # The guest fills its memory while the engine rests between two full
        # scans: else it is luck how much of it the first full scan sees.
        if merging:
            if not self.wait_full_scan(engine, self.options.max_seconds):
                raise Failure(f"{engine.name} gets through no full scan")
            engine.write("run", 0)
        guest.say("fill")
        guest.expect("filled", GUEST_SECONDS)
        step["guests"] = number
        step["filled"] = self.monitor.take()
        if merging:
            engine.write("run", 1)
            self.settle(engine, step)
        step["resident"] = sum(guest.resident_pages() for guest in self.guests)
        step["last"] = self.monitor.take(show=False)
        self.progress.finish(WEIGHT_START)

    def cold(self, engine):
        """All guests are there and nothing is merged: how long until it is?"""
        engine.unmerge()    # which lets full_scans begin anew
        step = self.begin_step("cold", "from nothing")
        self.monitor.say("counting equal pages of all guests, as an oracle would")
        step["oracle"] = oracle.look(
            self.parts(), engine.read_number("max_page_sharing", 256), self.idle)
        self.read_latencies()
        engine.set_knobs(self.run["knobs_wanted"])
        if self.monitor.governor:
            self.monitor.governor.restart()
        step["begun"] = self.monitor.take()
        engine.write("run", 1)
        self.settle(engine, step)
        step["latency"] = self.read_latencies()
        step["last"] = self.monitor.take(show=False)
        self.progress.finish(WEIGHT_COLD)

    def hold(self):
        """All guests go on for a while, under steady conditions."""
        step = self.begin_step("hold", "steady")
        self.read_latencies()
        self.monitor.sleep(self.options.duration)
        step["latency"] = self.read_latencies()
        step["last"] = self.monitor.take()
        self.progress.finish(self.options.duration)

    def look_at_frames(self, engine):
        """Who really shares with whom; the engine rests meanwhile."""
        step = self.begin_step("frames", "frames in common")
        engine.write("run", 0)
        if self.tenants:
            self.check_whereabouts()
            step["tenants"] = frames.look(self.parts(), self.idle)
        if self.scenario.outsider:
            step["outsider"] = self.look_at_outsider()
        engine.write("run", 1)
        step["last"] = self.monitor.take()
        self.progress.finish(WEIGHT_FRAMES)

    def check_whereabouts(self):
        """What keeps tenants apart is only as good as where their guests are."""
        for guest in self.guests:
            found, wanted = self.tenants.whereabouts(guest)
            if found != wanted:
                raise Failure(f"guest {guest.number} should be in {wanted}, and is in "
                              f"{found}: somebody else has moved it")

    def look_at_outsider(self):
        *others, outsider = self.guests
        within, common = frames.look_at_outsider(outsider, others, self.idle)
        return {"guest": outsider.number, "merged": outsider.merged_pages(),
                "mergeable": outsider.resident_pages(), "own_frames_shared": within,
                "common_pages": common,
                "others": [guest.merged_pages() for guest in others]}

    def read_latencies(self):
        total = {}
        for guest in self.guests:
            for name, counts in guest.latencies(GUEST_SECONDS).items():
                latency.add(total.setdefault(name, {}), counts)
        return total

    def veto(self, engine):
        """A guest with <nosharepages/>, beside those that share, shares nothing."""
        step = self.begin_step("veto", "nosharepages")
        guest = self.new_guest(veto=True)
        guest.expect("booted", GUEST_SECONDS)
        guest.say("fill")
        guest.expect("filled", GUEST_SECONDS)
        for _ in range(2):
            if not self.wait_full_scan(engine, self.options.max_seconds):
                raise Failure(f"{engine.name} gets through no full scan")
        step["merged"] = guest.merged_pages()
        step["mergeable"] = guest.resident_pages()
        step["others"] = [other.merged_pages() for other in self.guests[:-1]]
        self.verify(guest, step)
        if step["merged"] or step["mergeable"]:
            self.complain(f"{self.run['label']}: a guest with <nosharepages/> has "
                          f"{step['merged']} merged pages")
        guest.power_off(GUEST_SECONDS)
        self.guests.pop()
        step["last"] = self.monitor.take()
        self.progress.finish(WEIGHT_VETO)

    def verify(self, guest, step):
        guest.say("verify")
        step["verdict"] = guest.answer(GUEST_SECONDS)
        step["intact"] = step["verdict"].startswith("intact ")
        self.monitor.say(f"guest {guest.number}: {step['verdict']}")
        if not step["intact"]:
            self.complain(f"{self.run['label']}: guest {guest.number} says: "
                          f"{step['verdict']}")

    def stop_guest(self, engine):
        guest = self.guests[-1]
        step = self.begin_step("stop", f"guest {guest.number} down")
        if self.options.damage == [self.run["contestant"], guest.number]:
            guest.say("damage")
        self.verify(guest, step)
        guest.power_off(GUEST_SECONDS)
        self.guests.pop()
        step["guests"] = len(self.guests)
        if not isinstance(engine, NoEngine):
            self.monitor.take()
            if self.guests:
                self.settle(engine, step)
            else:
                self.wait_until_empty(engine, step)
        step["last"] = self.monitor.take(show=False)
        self.progress.finish(WEIGHT_STOP)

    def wait_until_empty(self, engine, step):
        """With nothing left to scan full_scans may stand still."""
        deadline = time.monotonic() + EMPTY_SECONDS
        while any(engine.counters().values()):
            if time.monotonic() > deadline:
                self.complain(f"{self.run['label']} still counts pages though all "
                              "guests have gone")
                return
            self.idle()
            time.sleep(0.05)
        step["settled"] = self.monitor.take()

    # Contestants

    def need_others_empty(self):
        """Recorded, since the comparison rests on it."""
        for engine in self.engines.values():
            if engine.exists():
                engine.need_empty()
        self.run["empty_before"] = True

    def prepare_engine(self, contestant):
        """The contestant's engine with its knobs; None if this kernel has not
        what it takes."""
        if contestant.engine == "none":
            return NoEngine()
        engine = self.engines[contestant.engine]
        if contestant.engine == "uksm" and not engine.exists():
            hoststate.load_module(self.options.module)
            # Its files are new, with what they hold after loading.
            engine.wanted.clear()
        if not contestant.available(engine):
            return None
        # A thread of a module that was loaded anew is another one.
        engine.pid = None
        return engine

    def run_contestant(self, contestant, repeat):
        engine = self.prepare_engine(contestant)
        if engine is None:
            self.monitor.say(f"{contestant.label}: not on this kernel")
            self.data["skipped"] = sorted({*self.data.get("skipped", []),
                                           contestant.label})
            return
        self.run = {"contestant": contestant.text, "engine": contestant.engine,
                    "label": contestant.label, "repeat": repeat,
                    "judged": contestant.plain and contestant.engine != "none",
                    "knobs_wanted": contestant.knobs, "samples": [], "steps": []}
        if self.tenants:
            self.keep_apart(contestant)
        self.need_others_empty()
        governor = None
        if self.run["engine"] != "none":
            engine.set_knobs(self.run["knobs_wanted"])
            if self.run.get("isolation", "none") != "none":
                self.tenants.tell(engine)
            if self.options.equal == "cpu" and contestant.plain:
                governor = Governor(engine, self.options.cpu)
            engine.write("run", 1)
        self.run["knobs"] = engine.knobs()
        self.data["runs"].append(self.run)
        self.monitor.watch(engine, contestant.label, self.run["samples"], governor)
        self.monitor.header()
        self.do_steps(engine, repeat)
        if self.run["engine"] != "none":
            engine.unmerge()
            engine.need_empty()
        if self.run["engine"] == "uksm" and not self.options.keep_module:
            self.monitor.watch(NoEngine(), "", [], None)
            hoststate.command("rmmod", "uksm")
            if engine.exists():
                raise Failure(f"uksm is unloaded, but {engine.directory} is there")

    def keep_apart(self, contestant):
        """What the contestant is asked to keep apart, if it can; with --damage it is
        not told."""
        if contestant.engine != "uksm":
            return
        self.run["isolation"] = contestant.knobs["isolation"]
        if self.options.damage == [contestant.text, "isolation"]:
            self.run["knobs_wanted"] = {**contestant.knobs, "isolation": "none"}

    def do_steps(self, engine, repeat):
        merging = self.run["engine"] != "none"
        for _ in range(self.options.guests):
            self.start_guest(engine)
            self.save()
        if merging and self.options.cold:
            self.cold(engine)
        if self.options.duration:
            self.hold()
        if merging and (self.tenants or self.scenario.outsider):
            self.look_at_frames(engine)
        if merging and self.options.veto and repeat == 1:
            self.veto(engine)
        self.save()
        while self.guests:
            self.stop_guest(engine)
            self.save()

    def plan(self):
        options = self.options
        for contestant in self.contestants + self.once:
            repeats = 1 if contestant in self.once else options.repeats
            merging = contestant.engine != "none"
            weight = options.guests * (WEIGHT_START + WEIGHT_STOP) + options.duration
            weight += WEIGHT_COLD * (merging and options.cold)
            weight += WEIGHT_FRAMES * bool(merging and (self.scenario.tenants or
                                                        self.scenario.outsider))
            self.progress.plan(weight * repeats +
                               WEIGHT_VETO * (merging and options.veto))

    def measure(self):
        for repeat in range(1, self.options.repeats + 1):
            # By turns forwards and backwards: no engine always comes first.
            order = self.contestants if repeat % 2 else self.contestants[::-1]
            if repeat == 1:
                order = order + self.once
            for contestant in order:
                if self.options.repeats > 1:
                    self.monitor.say(f"repeat {repeat} of {self.options.repeats}")
                self.run_contestant(contestant, repeat)

    def execute(self):
        """All of it, and everything undone; the record is in the raw file."""
        self.data["date"] = datetime.datetime.now(
            datetime.timezone.utc).isoformat(timespec="seconds")
        self.data["options"] = recorded(self.options)
        self.data["order"] = [contestant.text for contestant in
                              self.contestants + self.once]
        with contextlib.ExitStack() as undo:
            undo.enter_context(hoststate.only_one())
            if hoststate.clean_up_after_another():
                self.monitor.say("undid what a comparison that was killed had left")
            self.need_resources()
            state = hoststate.remember(self.options.work)
            if self.scenario.tenants:
                self.tenants = tenants.make(self.options.isolation,
                                            self.scenario.tenants)
                undo.callback(self.remove_tenants)
            undo.callback(self.restore, state)
            hoststate.take_over()
            self.options.keep_module = state["module"]
            undo.enter_context(hoststate.work_directory(self.options))
            if self.tenants:
                self.tenants.arrange(self.options.work)
            self.backend, why = domains.connect(self.options.guests_by)
            undo.callback(self.backend.close)
            undo.callback(self.remove_guests)
            self.data["libvirt_missing"] = why
            self.data["host"] = hostinfo.describe(self.backend)
            self.plan()
            try:
                self.measure()
            except Failure as failure:
                self.complain(str(failure))
            self.monitor.watch(NoEngine(), "", [], None)
        self.save()

    def need_resources(self):
        options = self.options
        tuners = hostinfo.tuners()
        if tuners:
            raise Failure("these would change the engines' settings meanwhile, stop "
                          f"them first: {', '.join(tuners)}")
        hoststate.need_room(options.take_over)
        need = options.guests * options.guest_mem << 20
        have = hostinfo.available_bytes()
        if need > have * MEMORY_PART:
            raise Failure(f"{options.guests} guests of {options.guest_mem} MiB take "
                          f"more than {MEMORY_PART:.0%} of the {have >> 20} MiB that "
                          "are available")
        foreign = hostinfo.foreign_memory()
        self.data["foreign"] = foreign
        if foreign and not options.take_over:
            raise Failure("other processes' memory would be merged too and counted: "
                          f"{', '.join(foreign[:5])}; --take-over accepts that")

    def remove_tenants(self):
        """Once their guests have gone."""
        try:
            self.tenants.remove()
        except Failure as failure:
            self.complain(f"cannot undo: {failure}")

    def restore(self, state):
        self.monitor.end_line()
        backend = None
        try:
            backend, _ = domains.connect(self.options.guests_by)
        except Failure as failure:
            self.complain(str(failure))
        for complaint in hoststate.restore(state, backend):
            self.complain(f"cannot undo: {complaint}")
        if backend:
            backend.close()


def recorded(options):
    """Options as they go into the record: no paths of this machine."""
    left_out = ("raw", "work", "module", "kernel_image", "initrds", "images", "live",
                "keep_module", "damage")
    return {key: value for key, value in vars(options).items()
            if key not in left_out and isinstance(value, (int, float, str, list))}
