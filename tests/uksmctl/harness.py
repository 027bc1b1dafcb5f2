# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of uksmctl on trees share: to build it, to run it in a tree, and to run
tests that get a fresh tree each."""

import fcntl
import json
import os
import random
import subprocess
import sys
import tempfile

import fake
from common import OK, Failure, run_test, tests_of

TOP = fake.TOP
BUILD = TOP / "build/tests/uksmctl"
PLAIN = BUILD / "plain/uksmctl"
CHECKED = BUILD / "checked/uksmctl"
SHIM = BUILD / "refuse.so"
SEED = int(os.environ.get("UKSM_SEED", random.randrange(1 << 32)))


def build():
    """With and without sanitizers, by gcc and by clang if that is there.  One at a time."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build_all()


def build_all():
    make = ["make", "-s", "-C", TOP / "tools", "WERROR=1"]
    sanitize = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
    subprocess.run(make + [f"out={PLAIN.parent}"], check=True)
    subprocess.run(make + [f"out={CHECKED.parent}", f"CFLAGS={sanitize}"], check=True)
    if subprocess.run(["which", "clang"], stdout=subprocess.DEVNULL).returncode == 0:
        subprocess.run(make + [f"out={BUILD / 'clang'}", "CC=clang"], check=True)
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared",
                    "-fPIC", "-o", SHIM, TOP / "tests/uksmctl/refuse.c"], check=True)


def environment_of(tree, refuse=""):
    """With the shim, which makes the files of a tree behave as knobs."""
    return {"PATH": os.environ["PATH"], "UKSMCTL_ROOT": str(tree.root),
            "LD_PRELOAD": str(SHIM), "REFUSE": refuse, "WRITES": str(tree.root / "writes")}


def run(tree, *arguments, status=OK, refuse="", user=None, program=CHECKED, **more):
    """Run uksmctl in a tree; its (stdout, stderr)."""
    environment = {"PATH": os.environ["PATH"], "UKSMCTL_ROOT": str(tree.root)}
    if {"set", "apply", "save", "reload"} & set(arguments) and not {"-n", "--dry-run"} & set(arguments):
        program = PLAIN
        environment = environment_of(tree, refuse)
    done = subprocess.run([program, *map(str, arguments)], env=environment, user=user,
                          capture_output=True, timeout=60, check=False, **more)
    said = done.stderr.decode(errors="replace")
    if done.returncode != status:
        raise Failure(f"{' '.join(map(str, arguments))}: status {done.returncode}, "
                      f"not {status}: {said}")
    return done.stdout.decode(errors="replace"), said


def run_json(tree, *arguments, **more):
    """Its JSON, which must be strict UTF-8 and without duplicate names."""
    text = run(tree, "--json", *arguments, **more)[0]

    def unique(pairs):
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            raise Failure(f"a name twice in {names}")
        return dict(pairs)

    def no_constant(name):
        raise Failure(f"{name} is no JSON")

    return json.loads(text, object_pairs_hook=unique, parse_constant=no_constant)


def main_of(program, label, namespace):
    """The tests named on the command line, or all; the exit status."""
    wanted = sys.argv[1:]
    if wanted and wanted[0] in ("-h", "--help"):
        print(f"usage: {program} [TEST...]\n\nUKSM_SEED repeats a run that printed it.")
        return 0
    tests = tests_of(namespace)
    for name in wanted:
        if name not in tests:
            sys.exit(f"no test {name}: {' '.join(tests)}")
    build()
    print(f"UKSM_SEED={SEED}")
    failed = False
    for name in wanted or tests:
        with tempfile.TemporaryDirectory(prefix="uksmctl.") as directory:
            os.chmod(directory, 0o755)
            if not run_test(f"{label}-{name}", tests[name], fake.Tree(directory)):
                failed = True
    return 1 if failed else 0
