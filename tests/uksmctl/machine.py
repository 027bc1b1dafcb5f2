# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of uksmctl in a machine share: to run it there, and the module's files."""

import json
import os
import pathlib
import subprocess
import time

import fake
from common import OK, Failure

TOP = fake.TOP
PROGRAM = TOP / "build/tools/uksmctl"
MM = pathlib.Path("/sys/kernel/mm")
UKSM = MM / "uksm"


def run(*arguments, status=OK, **more):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True,
                          check=False, timeout=60, **more)
    if done.returncode != status:
        raise Failure(f"{arguments}: status {done.returncode}, not {status}: {done.stderr}")
    return done.stdout, done.stderr


def run_json(*arguments, **more):
    return json.loads(run("--json", *arguments, **more)[0])


def get(name, engine=UKSM):
    return (engine / name).read_text().strip()


def write(name, value, engine=UKSM):
    """Without uksmctl; the errno, or 0."""
    try:
        (engine / name).write_text(f"{value}\n")
    except OSError as problem:
        return problem.errno
    return 0


def module(command):
    argument = os.environ["UKSM_KO"] if command == "insmod" else "uksm"
    subprocess.run([command, argument], check=True)


def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            raise Failure("it does not come in 60 s")
        time.sleep(0.1)
