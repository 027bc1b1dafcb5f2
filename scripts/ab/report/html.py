# SPDX-License-Identifier: GPL-2.0-only
"""The report as one HTML page that needs nothing else: no network, no script."""

import html
import pathlib

from .. import latency, scenarios
from . import charts, tables, verdict
from .figures import mebibytes

STYLE = pathlib.Path(__file__).with_name("page.css")


def element(name, content, **attributes):
    words = "".join(f' {key.rstrip("_")}="{html.escape(str(value))}"'
                    for key, value in attributes.items() if value)
    return f"<{name}{words}>{content}</{name}>"


def table(content):
    """A heading, the table, and what there is to say to it."""
    rows = []
    for row in content.rows:
        cells = element("th", html.escape(row[0]), scope="row") + \
            "".join(element("td", html.escape(cell)) for cell in row[1:])
        marked = "mark" if any(cell.endswith(" *") for cell in row[1:]) else ""
        if tables.is_head(row):
            cells = element("th", html.escape(row[0]), scope="rowgroup",
                            colspan=len(row))
            marked = "head"
        rows.append(element("tr", cells, class_=marked))
    head = ""
    if any(content.columns):
        head = element("thead", element("tr", "".join(
            element("th", html.escape(column), scope="col")
            for column in content.columns)))
    body = element("table", head + element("tbody", "\n".join(rows)),
                   class_="" if head else "words")
    note = element("p", html.escape(content.note), class_="note") \
        if content.note else ""
    return element("h2", html.escape(content.title)) + \
        element("div", body, class_="scroll") + note


def figure(content):
    names = "".join(
        element("li", f'<i style="background:var(--{colour})"></i>' +
                html.escape(label)) for label, colour in content.names)
    return element("h2", html.escape(content.title)) + element(
        "figure", element("ul", names, class_="legend") +
        element("div", "".join(content.charts), class_="row") +
        element("figcaption", html.escape(content.caption)))


def banner(comparison):
    promises = verdict.promises(comparison)
    kept = [promise for promise in promises if promise[0]]
    notes = "".join(element("p", html.escape(sentence), class_="note")
                    for promised, sentence in promises if promised is None)
    items = [element("li", html.escape(sentence), class_="" if good else "no")
             for good, sentence in kept + verdict.judgements(comparison) +
             verdict.guests_judgements(comparison)]
    items += [element("li", html.escape(failure), class_="no")
              for failure in verdict.failures(comparison)]
    bad = verdict.failures(comparison) or not all(
        good for good, _ in verdict.judgements(comparison) +
        verdict.guests_judgements(comparison))
    return element(
        "div", element("strong", html.escape(verdict.conclusion(comparison))) +
        element("ul", "".join(items)) + notes, class_="verdict bad" if bad else "verdict")


def card(value, text):
    return element("div", element("b", html.escape(value)) +
                   element("span", html.escape(text)), class_="card")


def cards(comparison):
    """What a reader looks for first, if both engines got through."""
    pair = comparison.pair()
    if not pair:
        return ""
    ksmd, uksm = pair
    made = []

    def add(form, unit, text, figure):
        values = [contestant.median(figure) for contestant in (uksm, ksmd)]
        if None not in values:
            made.append(card(f"{values[0]:{form}}{unit}",
                             f"{text} (ksmd {values[1]:{form}}{unit})"))

    add(".0f", " MiB", "saved with all guests",
        lambda run: mebibytes(run.starts[-1].sharing))
    add(".2f", " s", "scanner CPU to settle", lambda run: run.cpu())
    add(".1f", " s", "to 90 % of what can be saved, from nothing",
        lambda run: (run.reach(90) or [None])[0])
    add(".1f", " MiB", "metadata", lambda run: run.metadata_bytes() / (1 << 20))
    tails = [latency.percentile(contestant.histogram("hold", "memory"), 99)
             for contestant in (uksm, ksmd)]
    if None not in tails:
        made.append(card(f"{tails[0]:.0f} µs", "p99 of a guest's page rewrite "
                         f"(ksmd {tails[1]:.0f} µs)"))
    return element("div", "".join(made), class_="cards")


def lead(comparison):
    options, host = comparison.options, comparison.data.get("host", {})
    scenario = scenarios.SCENARIOS[options["scenario"]].text
    return (f"Linux {host.get('release', '')}: {options['guests']} KVM guests of "
            f"{options['guest_mem']} MiB, {scenario}.")


def page(comparison):
    title = "ksmd and uksm on the same guests"
    shown = tables.main_tables(comparison)
    parts = [element("header", element("h1", title) + element(
        "p", html.escape(lead(comparison)), class_="lead"))]
    parts += [banner(comparison), cards(comparison)]
    parts += [table(content) for content in shown[:1]]
    parts += [figure(content) for content in charts.figures(comparison)]
    parts += [table(content) for content in shown[1:]]
    parts.append(table(tables.setup(comparison)))
    parts += [table(content) for content in tables.scan_tables(comparison)]
    parts.append(element(
        "footer", "Made by scripts/uksm-ab of uksm from report.json beside this "
        "page; <code>scripts/uksm-ab --render report.json --out DIR</code> makes it "
        "again. docs/comparison.md says how to read it."))
    head = ('<meta charset="utf-8"><meta name="viewport" '
            'content="width=device-width, initial-scale=1">'
            '<link rel="icon" href="data:,">' + element("title", title) +
            element("style", STYLE.read_text()))
    return ("<!DOCTYPE html>\n<!-- SPDX-License-Identifier: GPL-2.0-only -->\n" +
            element("html", element("head", head) + "\n" +
                    element("body", "\n".join(parts)), lang="en") + "\n")
