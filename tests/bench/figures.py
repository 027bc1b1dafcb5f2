# SPDX-License-Identifier: GPL-2.0-only
"""Figures out of the raw results of tests/bench: what tables, charts and the
judge have in common."""

import json
import statistics

# Which engine a preset of uksm's is compared with.
BASELINES = {
    "uksm": "ksmd",
    "uksm-smart": "ksmd-smart",
    "uksm-default": "ksmd-default",
    "uksm-tuned": "ksmd-tuned",
    "uksm-advisor": "ksmd-advisor",
}

SHARES = (50, 90, 99)


def load(path):
    with open(path, encoding="ascii") as file:
        return json.load(file)


def difference(run, name, start="settled", end="measured"):
    """How much a counter grew, None where there is none."""
    old, new = run[start][name], run[end][name]
    return None if old < 0 or new < 0 else new - old


def metadata_bytes(run, moment):
    """Bytes that the engine holds: for ksmd its caches' slabs, for uksm what it
    says, or what slabs and unaccounted pages grew by if that is more."""
    now, before = run[moment], run["before"]
    if run["engine"] == "ksmd":
        return now["ksm_slab_bytes"]
    return now["metadata_bytes"]


def steady_figures(run):
    """CPU time per page and per full scan, between two ends of full scans."""
    cpu = difference(run, "cpu_ns")
    scans = difference(run, "full_scans")
    pages = run["oracle"]["pages"]
    scanned = difference(run, "pages_scanned")
    skipped = difference(run, "pages_skipped") or 0
    if scanned is None:
        scanned = pages * scans
    figures = {
        "cpu_ns_per_page_scanned": cpu / scanned if scanned else None,
        "cpu_ns_per_full_scan": cpu / scans,
        "cpu_ns_per_page": cpu / scans / pages,
        "pages_scanned_per_full_scan": scanned / scans,
        "pages_skipped_per_full_scan": skipped / scans,
        "msecs_per_full_scan": difference(run, "time_ns") / scans / 1e6,
        "metadata_per_page": metadata_bytes(run, "measured") / pages,
        "saved_percent_of_oracle": saved_percent(run, "measured"),
    }
    if run.get("detection"):
        found = [delay for delay in run["detection"] if delay >= 0]
        figures["detection_median"] = statistics.median(found) if found else None
        figures["detection_max"] = max(found) if len(found) == \
            len(run["detection"]) else None
    return figures


def saved_pages(run, moment):
    """By what is left in use, which no counter has a part in."""
    return run["before"]["nr_anon_pages"] - run[moment]["nr_anon_pages"]


def saved_percent(run, moment):
    oracle = run["oracle"]
    return 100 * saved_pages(run, moment) / (oracle["pages"] - oracle["distinct"])


def reached(series, wanted):
    """Full scans, with the fraction of the last by time, and CPU time when the
    saving was first so large; None if it never was."""
    ends = {}
    for time_ns, _, scans, _ in series:
        ends.setdefault(scans, time_ns)
    for time_ns, cpu_ns, scans, saved in series:
        if saved < wanted:
            continue
        if saved == series[-1][3] and scans + 1 not in ends:
            # The last one measured; how long it would have taken is not known.
            length = time_ns - ends[scans] or 1
            previous = ends[scans] - ends.get(scans - 1, 0)
            length = max(length, previous)
        else:
            length = ends[scans + 1] - ends[scans]
        return {"full_scans": scans + min(1, (time_ns - ends[scans]) / length),
                "cpu_ns": cpu_ns, "time_ns": time_ns}
    return None


def converge_figures(run):
    oracle = run["oracle"]
    wanted = oracle["pages"] - oracle["distinct"]
    if run["work"] in "de":
        wanted = oracle["limited"]
    figures = {}
    for share in SHARES:
        point = reached(run["series"], share / 100 * wanted) or {}
        figures[f"full_scans_to_{share}"] = point.get("full_scans")
        figures[f"cpu_ms_to_{share}"] = point["cpu_ns"] / 1e6 if point else None
    end = run["converged"]
    merged = end["pages_shared"] + run["series"][-1][3]
    figures.update({
        "cpu_ns_per_merged_page":
            run["series"][-1][1] / merged if merged else None,
        "merged_pages": merged,
        "full_scans": run["series"][-1][2],
        "saved_percent_of_oracle": 100 * saved_pages(run, "converged") / wanted,
        "metadata_per_page": metadata_bytes(run, "converged") / oracle["pages"],
    })
    return figures


def figures_of(run):
    if "series" in run:
        return converge_figures(run)
    return steady_figures(run)


def group(results):
    """{(work, variant): {preset: {figure: [value of each repeat]}}}, without the
    warm-up."""
    groups = {}
    for run in results["runs"]:
        if not run["repeat"]:
            continue
        presets = groups.setdefault((run["work"], run["variant"]), {})
        values = presets.setdefault(run["preset"], {})
        for name, value in figures_of(run).items():
            if value is not None:
                values.setdefault(name, []).append(value)
    return groups


def median(values):
    return statistics.median(values) if values else None


def spread(values):
    """Half the way from the least to the greatest, in percent of the median."""
    middle = median(values)
    if not middle or len(values) < 2:
        return 0.0
    return 50 * (max(values) - min(values)) / middle


def ratio(presets, preset, name):
    """uksm's median as a part of its baseline's."""
    base = BASELINES.get(preset)
    if base not in presets:
        return None
    ours = median(presets[preset].get(name))
    theirs = median(presets[base].get(name))
    return ours / theirs if ours is not None and theirs else None
