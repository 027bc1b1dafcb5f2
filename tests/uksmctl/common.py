# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of uksmctl share."""

import os
import subprocess

# As in tools/uksmctl/status.h.
OK, REFUSED, USAGE, NO_MODULE, PERMISSION, PARTLY_SET, UNLOADED = range(7)


class Failure(Exception):
    """Of a test, with the reason."""


def report(line):
    """A result: to be seen, and into $UKSM_RESULTS."""
    print(line, flush=True)
    if os.environ.get("UKSM_RESULTS"):
        with open(os.environ["UKSM_RESULTS"], "a", encoding="utf-8") as results:
            results.write(line + "\n")


def expect(what, expected, found):
    if expected != found:
        raise Failure(f"{what}: expected {expected!r}, found {found!r}")


def expect_in(what, part, whole):
    if part not in whole:
        raise Failure(f"{what}: no {part!r} in {whole!r}")


def tests_of(namespace):
    """{name: function} of what is called test_NAME."""
    return {name[5:]: test for name, test in namespace.items() if name.startswith("test_")}


def run_test(label, test, *arguments):
    """Run and report one; a test returns why it was skipped, or None.  Did it pass?"""
    try:
        skipped = test(*arguments)
    except (Failure, OSError, ValueError, KeyError, subprocess.SubprocessError) as problem:
        report(f"not ok {label} - {type(problem).__name__}: {problem}")
        return False
    report(f"skip {label} - {skipped}" if skipped else f"ok {label}")
    return True
