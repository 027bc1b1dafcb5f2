# SPDX-License-Identifier: GPL-2.0-only
"""Results as docs/testing.md says."""

import os


def result(good, name, why=""):
    line = f"ok ab/{name}" if good else f"not ok ab/{name} - {why}"
    print(line, flush=True)
    if os.environ.get("UKSM_RESULTS"):
        with open(os.environ["UKSM_RESULTS"], "a", encoding="utf-8") as results:
            results.write(line + "\n")
