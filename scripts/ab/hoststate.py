# SPDX-License-Identifier: GPL-2.0-only
"""What an experiment changes on its host, and how all of it is undone, by the
experiment itself however it ends, or, if it was killed, by the next one."""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess

from . import domains, hostinfo, tenants
from .engine import engines
from .errors import Failure

DIRECTORY = pathlib.Path("/run/uksm-ab")
STATE = DIRECTORY / "state.json"
# Unmerging takes memory; this much must be left besides.
SPARE_BYTES = 256 << 20


def command(*words):
    done = subprocess.run([str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, words))}: {done.stdout.strip()}")
    return done.stdout


def module_loaded():
    return pathlib.Path("/sys/module/uksm").is_dir()


def load_module(module):
    """From a file, or as modprobe finds it."""
    if module:
        command("insmod", module)
    else:
        command("modprobe", "uksm")


@contextlib.contextmanager
def only_one():
    """No two experiments at once on a host."""
    DIRECTORY.mkdir(mode=0o755, exist_ok=True)
    with open(DIRECTORY / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Failure("another comparison is running on this host") from error
        yield


@contextlib.contextmanager
def work_directory(options):
    """Everything that guests need, in one place of its own: nested guests that
    read their kernel over 9p do not start reliably."""
    options.work.mkdir(mode=0o755, parents=True)
    try:
        shutil.copy(options.kernel_image, options.work / "kernel")
        for initrd in options.initrds:
            shutil.copy(initrd, options.work)
        yield
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from error
    finally:
        shutil.rmtree(options.work, ignore_errors=True)


def remember(work):
    """Write down how the host is, before anything is changed."""
    state = {"module": module_loaded(), "engines": {}, "work": str(work)}
    for name, engine in engines().items():
        if engine.exists():
            state["engines"][name] = {"run": engine.read("run"),
                                      "knobs": engine.knobs()}
    new = STATE.with_suffix(".new")
    with open(new, "w", encoding="ascii") as file:
        json.dump(state, file)
        file.flush()
        os.fsync(file.fileno())
    new.rename(STATE)
    return state


def needed_bytes(engine):
    """A page for each address that shares one, the zero page included."""
    counters = engine.counters()
    pages = counters["sharing"] + counters["shared"] + \
        engine.read_number("ksm_zero_pages")
    return pages * 4096 + SPARE_BYTES


def need_room(taking_over):
    """Refuse to go on while an engine works here, unless it may be stopped and
    memory suffices for what it holds."""
    for name, engine in engines().items():
        if not engine.exists() or not any(engine.held().values()):
            continue
        if not taking_over:
            raise Failure(f"{name} works on this host: stop it and write 2 and then "
                          f"0 to {engine.directory}/run, or use --take-over, which "
                          "starts it again afterwards")
        need = needed_bytes(engine)
        if need > hostinfo.available_bytes():
            raise Failure(f"unmerging what {name} holds takes {need >> 20} MiB, "
                          f"and {hostinfo.available_bytes() >> 20} are available")


def take_over():
    for engine in engines().values():
        if engine.exists() and any(engine.held().values()):
            engine.unmerge()


def restore(state, backend):
    """Everything back; every step is tried, the complaints are returned."""
    complaints = []

    def attempt(action, *arguments):
        try:
            action(*arguments)
        except (Failure, OSError) as error:
            complaints.append(str(error))

    for name in backend.left_over() if backend else []:
        attempt(backend.remove, name)
    saved = state["engines"]
    for name, engine in engines().items():
        if engine.exists() and any(engine.held().values()):
            attempt(engine.unmerge)
        if engine.exists() and name in saved:
            attempt(engine.restore_knobs, saved[name]["knobs"])
    if module_loaded() and not state["module"]:
        attempt(command, "rmmod", "uksm")
    for name in saved:
        if saved[name]["run"] == "1":
            attempt(engines()[name].write, "run", 1)
    if not complaints:
        STATE.unlink(missing_ok=True)
    return complaints


def clean_up_after_another():
    """What an experiment that was killed has left behind; did one?"""
    if not STATE.exists():
        return False
    state = json.loads(STATE.read_text())
    backend, _ = domains.connect("auto")
    try:
        for pid in domains.stray_qemus():
            os.kill(pid, signal.SIGKILL)
        complaints = restore(state, backend)
    finally:
        backend.close()
    shutil.rmtree(state["work"], ignore_errors=True)
    try:
        tenants.remove_groups()
    except Failure as failure:
        complaints.append(str(failure))
    if complaints:
        raise Failure("what an earlier comparison left behind cannot be undone: " +
                      "; ".join(complaints))
    return True
