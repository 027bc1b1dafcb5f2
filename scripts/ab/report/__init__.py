# SPDX-License-Identifier: GPL-2.0-only
"""The report: from the record alone, the same bytes each time."""

import json

from . import html, text, verdict
from .figures import Comparison


def write(data, directory, show):
    """All forms of it into a directory, if there is one; the exit status."""
    comparison = Comparison(data)
    if directory:
        for name, content in (
                ("report.json", json.dumps(data, separators=(",", ":")) + "\n"),
                ("report.md", text.markdown(comparison)),
                ("report.html", html.page(comparison))):
            (directory / name).write_text(content)
    if show:
        print()
        print(text.terminal(comparison))
        if directory:
            print(f"Report: {directory / 'report.html'}; report.md and report.json "
                  "beside it")
    return verdict.exit_status(comparison)
