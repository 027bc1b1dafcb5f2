# SPDX-License-Identifier: GPL-2.0-only
"""The report for a terminal, and in Markdown."""

from . import tables, verdict


def widths(rows):
    return [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]


def aligned(table):
    """The first column to the left, figures to the right."""
    rows, headed = [], False
    for row in table.rows:
        headed = headed or tables.is_head(row)
        indent = "  " if headed and not tables.is_head(row) else ""
        rows.append([indent + row[0], *row[1:]])
    size = widths([table.columns, *rows])
    lines = [table.title]
    for row in [table.columns, *rows]:
        cells = [f"{row[0]:{size[0]}}"]
        cells += [f"{cell:>{width}}" for cell, width in zip(row[1:], size[1:])]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines)


def verdict_lines(comparison):
    lines = [f"{'yes' if good else 'NO ':3} {sentence}"
             for good, sentence in verdict.judgements(comparison) +
             verdict.guests_judgements(comparison)]
    lines[:0] = [f"{'yes' if kept else '   '} {sentence}" for kept, sentence in
                 verdict.promises(comparison) if kept is not False]
    lines += [f"FAILED: {failure}" for failure in verdict.failures(comparison)]
    return [*lines, f"Verdict: {verdict.conclusion(comparison)}"]


def terminal(comparison):
    parts = [aligned(table) for table in tables.main_tables(comparison)]
    return "\n\n".join([*parts, "\n".join(verdict_lines(comparison))])


def escape(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def markdown_table(table):
    lines = [f"## {escape(table.title)}", ""]
    if any(table.columns):
        lines.append(f"| {' | '.join(map(escape, table.columns))} |")
        alignment = ["---"] + ["---:"] * (len(table.columns) - 1)
    else:
        lines.append(f"| {' | '.join(' ' for _ in table.columns)} |")
        alignment = ["---"] * len(table.columns)
    lines.append(f"| {' | '.join(alignment)} |")
    for row in table.rows:
        first = f"**{escape(row[0])}**" if tables.is_head(row) else escape(row[0])
        lines.append(f"| {' | '.join([first, *map(escape, row[1:])])} |")
    if table.note:
        lines += ["", escape(table.note)]
    return "\n".join(lines)


def markdown(comparison):
    shown = [tables.setup(comparison), *tables.main_tables(comparison),
             *tables.scan_tables(comparison)]
    head = "<!-- SPDX-License-Identifier: GPL-2.0-only -->\n" \
        "# ksmd and uksm on the same guests\n\n" + \
        "\n".join(f"- {escape(line)}" for line in verdict_lines(comparison))
    return "\n\n".join([head, *(markdown_table(table) for table in shown)]) + "\n"
