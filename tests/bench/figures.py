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
    "uksm-auto": "ksmd-default",
    # What isolation costs.
    "uksm-process": "uksm",
}

SHARES = (50, 90, 99)
PHASES = ("merging", "steady")
PERCENTILES = ("p50", "p99", "p99_9", "worst")
WINDOW_NS = 10_000_000_000


def load(path):
    with open(path, encoding="ascii") as file:
        return json.load(file)


def difference(run, name, start="settled", end="measured"):
    """How much a counter grew, None where there is none."""
    old, new = run[start][name], run[end][name]
    return None if old < 0 or new < 0 else new - old


def end_of(run):
    """Name of the last sample."""
    return "measured" if "measured" in run else "converged"


def metadata_bytes(run):
    """Bytes that the engine holds at the end, by its own account: ksmd's in its
    slab caches, uksm's in its counter."""
    end = run[end_of(run)]
    return end["ksm_slab_bytes" if run["engine"] == "ksmd" else "metadata_bytes"]


def metadata_measured_bytes(run):
    """The same from outside: what slabs, and pages that nothing in
    /proc/meminfo accounts for, have grown by. Good to some 100 KiB."""
    end, before = run[end_of(run)], run["before"]
    return 1024 * sum(end[name] - before[name] for name in ("slab_kib", "other_kib"))


def saved_pages(run):
    """By what is left in use, which no counter has a part in."""
    return run["before"]["nr_anon_pages"] - run[end_of(run)]["nr_anon_pages"]


def saving_wanted(run):
    """What is there to be saved: ideally, or where that is one content as often
    as there are pages, within max_page_sharing."""
    oracle = run["oracle"]
    if run["variant"] == "zero-page":
        return oracle["pages"]
    if run["work"] in ("d", "e"):
        return oracle["limited"]
    return oracle["pages"] - oracle["distinct"]


def common_figures(run):
    oracle = run["oracle"]
    wanted = saving_wanted(run)
    return {
        "metadata_per_page": metadata_bytes(run) / oracle["pages"],
        "metadata_measured_per_page": metadata_measured_bytes(run) / oracle["pages"],
        "saved_percent": 100 * saved_pages(run) / wanted if wanted else None,
        "pages_in_use": run[end_of(run)]["nr_anon_pages"],
    }


def steady_figures(run):
    """CPU time per page and per full scan, between two ends of full scans."""
    cpu = difference(run, "cpu_ns")
    scans = difference(run, "full_scans")
    scanned = difference(run, "pages_scanned")
    if scanned is None:
        scanned = run.get("mapped", run["oracle"]["pages"]) * scans
    figures = {
        "cpu_ns_per_page_scanned": cpu / scanned if scanned else None,
        "cpu_ns_per_full_scan": cpu / scans,
        "pages_scanned_per_full_scan": scanned / scans,
        "msecs_per_full_scan": difference(run, "time_ns") / scans / 1e6,
    }
    if run.get("detection"):
        found = [delay for delay in run["detection"] if delay >= 0]
        figures["detection_median"] = statistics.median(found) if found else None
        figures["detection_max"] = max(found) if len(found) == \
            len(run["detection"]) else None
    return figures


def huge_figures(run):
    """Huge pages that were split, and those that had a page to merge."""
    end, before = run["measured"], run["before"]
    return {
        "splits": end["thp_split_page"] - before["thp_split_page"],
        "splits_wanted": run["huge"]["with_copies"],
        "splits_in_vain": max(0, end["thp_split_page"] - before["thp_split_page"]
                              - run["huge"]["with_copies"]),
        "huge_pages_left": end["anon_huge_kib"] // 2048,
        "cpu_ns_in_all": end["cpu_ns"] - before["cpu_ns"],
    }


def churn_figures(run):
    scans = difference(run, "full_scans")
    saved = [100 * saved / could for saved, could in run["churn"]]
    return {
        "cow_breaks": difference(run, "cow_ksm"),
        "cpu_ms": difference(run, "cpu_ns") / 1e6,
        "full_scans": scans,
        "saved_of_ideal": statistics.mean(saved),
    }


def cap_figures(run):
    """Of one CPU in percent, over every window of ten seconds."""
    points = run["cap"]
    shares = []
    for time_ns, cpu_ns in points:
        end = next((point for point in points
                    if point[0] >= time_ns + WINDOW_NS), None)
        if end:
            shares.append(100 * (end[1] - cpu_ns) / (end[0] - time_ns))
    off = [abs(share - run["percent"]) for share in shares]
    return {
        "cap_set": run["percent"],
        "cap_off_percent": 100 * max(off) / run["percent"] if off else None,
        "cap_least": min(shares, default=None),
        "cap_greatest": max(shares, default=None),
    }


def reached(series, wanted):
    """Full scans, with the fraction of the last by time, CPU time and saving when
    the saving was first so large; None if it never was."""
    ends = {}
    for time_ns, _, scans, _ in series:
        ends.setdefault(scans, time_ns)
    for time_ns, cpu_ns, scans, saved in series:
        if saved < wanted:
            continue
        if scans + 1 in ends:
            length = ends[scans + 1] - ends[scans]
        else:
            # The last one, which was not measured to its end: it has taken so
            # long at least, and the one before took this long.
            length = max(time_ns - ends[scans],
                         ends[scans] - ends.get(scans - 1, 0), 1)
        return {"full_scans": scans + (time_ns - ends[scans]) / length,
                "cpu_ns": cpu_ns, "time_ns": time_ns, "saved": saved}
    return None


def converge_figures(run):
    wanted = saving_wanted(run)
    figures = {}
    for share in SHARES:
        point = reached(run["series"], share / 100 * wanted) or {}
        figures[f"full_scans_to_{share}"] = point.get("full_scans")
        figures[f"cpu_ms_to_{share}"] = point["cpu_ns"] / 1e6 if point else None
        figures[f"seconds_to_{share}"] = point["time_ns"] / 1e9 if point else None
        figures["cpu_ns_per_page_saved"] = \
            point["cpu_ns"] / point["saved"] if point else None
    return figures


def phase_figures(phase, measured):
    """Of the operations that fell due in it. An operation counts as a whole, from
    when it fell due to its end, and from when the process was on the CPU."""
    figures = {
        "ops": measured["ops"],
        "preempted_per_1000": 1000 * measured["preempted"] / measured["ops"],
        "seconds": measured["time_ns"] / 1e9,
        "cpu_ms": measured["cpu_ns"] / 1e6,
        "cpu_percent": 100 * measured["cpu_ns"] / measured["time_ns"],
    }
    if "faults" in measured:
        figures["faults_per_1000"] = 1000 * measured["faults"] / measured["ops"]
    for part in ("whole", "own"):
        for name, value in zip(PERCENTILES, measured[part]):
            figures[f"{part}_ns_{name}"] = value
    return {f"{phase}_{name}": value for name, value in figures.items()}


def latency_figures(run):
    latency = run["latency"]
    figures = {"pages_sharing": latency["steady"]["sharing"]}
    for phase in PHASES:
        figures.update(phase_figures(phase, latency[phase]))
    if "steady_faults_per_1000" in figures:
        # The samples are a little longer apart than the phase is long, and as many
        # writes fall due in every second.
        writes = latency["steady"]["ops"] * difference(run, "time_ns") \
            / latency["steady"]["time_ns"]
        figures["cow_breaks_per_1000"] = 1000 * difference(run, "cow_ksm") / writes
    return figures


def holds_figures(run):
    """How often the scanner holds what machines wait for, and how long: at a time,
    and in all."""
    figures = {}
    for phase, key in zip(PHASES, ("holds", "holds_steady")):
        if key not in run:
            continue
        count, *lengths, total = run[key]
        figures[f"{phase}_holds"] = count
        figures[f"{phase}_held_ms"] = total / 1e6
        for percentile, value in zip(PERCENTILES, lengths):
            figures[f"{phase}_held_ns_{percentile}"] = value
    return figures


def boot_figures(run):
    """How long a start takes, and that as a part of what it takes with the engine
    stopped."""
    stopped, running = map(sum, zip(*run["boot"]))
    return {
        "start_ms": running / 1e6 / len(run["boot"]),
        "start_of_stopped": running / stopped,
        "cow_breaks": difference(run, "cow_ksm"),
        "cpu_ms": difference(run, "cpu_ns") / 1e6,
    }


def idle_figures(run):
    """What it took to merge all, and what an hour takes in which nothing happens,
    by the last minutes."""
    cpu, time = difference(run, "cpu_ns"), difference(run, "time_ns")
    return {**converge_figures(run),
            "idle_cpu_seconds_an_hour": 3600 * cpu / time,
            "idle_cpu_percent": 100 * cpu / time,
            "full_scans_a_minute": 60e9 * difference(run, "full_scans") / time}


KINDS = (
    ("boot", boot_figures),
    ("idle_seconds", idle_figures),
    ("holds", holds_figures),
    ("latency", latency_figures),
    ("series", converge_figures),
    ("huge", huge_figures),
    ("churn", churn_figures),
    ("cap", cap_figures),
)


def figures_of(run):
    for key, function in KINDS:
        if key in run:
            return {**common_figures(run), **function(run)}
    return {**common_figures(run), **steady_figures(run)}


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
