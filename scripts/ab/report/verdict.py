# SPDX-License-Identifier: GPL-2.0-only
"""What makes a comparison fail, and whether uksm is worse than ksmd."""

from .. import latency
from .figures import tracked

# A histogram's bucket is that wide, and one guest's tail is that of a few operations.
TAIL_NOISE = 1.1

# tests/vm/run's, for a machine that failed or whose kernel log is not clean.
STATUS_TIMEOUT, STATUS_RIG = 124, 125
# Two settled readings are taken to tell what an outsider changes.
READINGS = 2


def machine_failures(data):
    status = data.get("machine_status", 0)
    if status == STATUS_TIMEOUT:
        return ["the machine did not end in time"]
    if status == STATUS_RIG:
        return ["the machine failed or its kernel log is not clean; the runner's "
                "message is above"]
    if status and not data["complaints"]:
        return [f"the experiment ended with {status}"]
    return []


def promises(comparison):
    """(kept, sentence) for each thing that no figure makes up for, of each contestant;
    kept is None where nothing of the kind was promised."""
    found = []
    for contestant in comparison.engines():
        for run in contestant.runs:
            for judge in (tenants_promise, outsider_promise):
                judged = judge(comparison, run)
                if judged:
                    found.append((judged[0], f"{contestant.label}: {judged[1]}"))
    return found


def tenants_promise(_comparison, run):
    """Tenants that were to be kept apart have no frame in common."""
    found = run.frames("tenants")
    if not found:
        # A run that got through has looked.
        return (False, "nobody looked whether tenants are kept apart") \
            if run.isolation() and run.complete else None
    pages = found["common_pages"]
    if not run.isolation():
        has = "has no isolation" if run.engine == "ksmd" else "isolation is none"
        return None, f"{has}, tenants share {pages} pages"
    if pages:
        return False, (f"tenants were to be kept apart by {run.isolation()}, and share "
                       f"{pages} pages")
    return True, f"tenants kept apart by {run.isolation()} share no page"


def outsider_promise(comparison, run):
    """Who takes no part has nothing merged, and changes nothing for the others."""
    found = run.frames("outsider")
    if not found:
        return (False, "nobody looked whether the guest that takes no part does so") \
            if comparison.options.get("scenario") == "outsider" and run.complete else None
    own = [found[name] for name in ("merged", "own_frames_shared", "common_pages",
                                    "mergeable")]
    if any(own):
        return False, ("the guest that takes no part has {} merged pages, {} that "
                       "share a frame within it, {} in frames of others, {} mergeable"
                       .format(*own))
    brought = run.outsider_brought()
    if not brought:
        return True, "the guest that takes no part has no merged page"
    more, pages = brought
    noise = READINGS * comparison.options["settle"] / 100 * pages
    if abs(more) > noise:
        return False, ("the guest that takes no part has no merged page, but the others "
                       f"save {more:+d} pages since it is there ({noise:.0f} are chance)")
    return True, ("the guest that takes no part has no merged page, and the others save "
                  f"as without it: {more:+d} pages (to {noise:.0f})")


def failures(comparison):
    """What fails a comparison whatever the engines' figures are."""
    data = comparison.data
    found = list(data["complaints"]) + machine_failures(data)
    if not data["runs"] and not found:
        found.append("nothing was measured")
    found += [sentence for kept, sentence in promises(comparison) if kept is False]
    for contestant in comparison.contestants:
        lost = [run for run in contestant.complete
                if run.intact < comparison.guests]
        if lost and not data["complaints"]:
            found.append(f"{contestant.label}: a guest's memory was not intact")
        if len(contestant.complete) < len(contestant.runs) and not found:
            found.append(f"{contestant.label} did not get through all steps")
    return found


def judgements(comparison):
    """(fulfilled, sentence) for each thing uksm has to be as good at as ksmd."""
    pair = comparison.pair()
    if not pair:
        return []
    ksmd, uksm = pair
    # Settled readings are that exact, and no guest boots twice the same.
    noise = comparison.options["settle"] / 100 * \
        tracked(ksmd.complete[-1].starts[-1].sample)

    def both(figure, form):
        values = [contestant.median(figure) for contestant in (uksm, ksmd)]
        return values, " and ".join(f"{value:{form}}" for value in values)

    # Of tenants ksmd's saving is what each has for itself: the rest is not allowed.
    apart = uksm.complete[0].isolation() and \
        all(one.median(lambda run: run.left_apart()) for one in pair)
    left, left_text = both(lambda run: run.left_apart() if apart else run.left(), ".0f")
    scans, scans_text = both(lambda run: run.scans(), ".0f")
    cpu, cpu_text = both(lambda run: run.cpu(), ".2f")
    intact, intact_text = both(lambda run: run.intact, ".0f")
    found = [
        (left[0] <= left[1] + noise,
         f"saving at least ksmd's{' within tenants' if apart else ''}: pages in use "
         f"after it (to {noise:.0f}, as exact as \"settled\" is): {left_text}"),
        (min(intact) == comparison.guests,
         f"guests' memory intact: {intact_text} of {comparison.guests}")]
    if comparison.options["equal"] == "knobs":
        found[1:1] = [
            no_more_scans(scans, scans_text,
                          min(len(one.complete) for one in (ksmd, uksm))),
            (cpu[0] <= cpu[1], f"no more CPU seconds to settle: {cpu_text}")]
    else:
        found[1:1] = equal_cpu(ksmd, uksm)
    return found


def guests_judgements(comparison):
    """The same for what guests pay.

    Told in the conclusion; it does not change the exit status, for of one run the tail is
    chance.
    """
    pair = comparison.pair()
    if not pair:
        return []
    found = []
    for kind, when in (("hold", "steady"), ("cold", "while merging")):
        for percent in (99, 99.9):
            ksmd, uksm = (latency.percentile(one.histogram(kind, "memory"), percent)
                          for one in pair)
            if ksmd and uksm:
                found.append((uksm <= ksmd * TAIL_NOISE,
                              f"guests wait no longer, p{percent} {when}: "
                              f"{uksm:.0f} and {ksmd:.0f} µs"))
    for title, form, figure in (
            ("no more writes to merged pages a second", ".1f",
             lambda run: run.cow_breaks()),
            ("no more memory to keep track of pages", ",.0f",
             lambda run: run.metadata_bytes())):
        ksmd, uksm = (one.median(figure) for one in pair)
        if None not in (ksmd, uksm):
            found.append((uksm <= ksmd, f"{title}: {uksm:{form}} and {ksmd:{form}}"))
    return found


def no_more_scans(scans, scans_text, runs):
    """Full scans to settle; one more in one run is chance.

    Whatever merges their pages, guests that have just booted now and then change
    some more than "settled" allows for.
    """
    sentence = f"no more full scans to settle: {scans_text}"
    if scans[1] < scans[0] <= scans[1] + 1 / runs:
        return True, f"{sentence} (one more in one run is chance)"
    return scans[0] <= scans[1], sentence


def equal_cpu(ksmd, uksm):
    """At an equal share of a CPU what counts is when the saving is there."""
    times = [contestant.median(lambda run: (run.reach(90) or [None])[0])
             for contestant in (uksm, ksmd)]
    if None in times:
        return [(times[0] is not None or times[1] is None,
                 "90 % of the oracle's saving was reached, or not by ksmd either")]
    return [(times[0] <= times[1],
             f"90 % of the oracle's saving no later: {times[0]:.1f} and "
             f"{times[1]:.1f} s after a start from nothing")]


def exit_status(comparison):
    if failures(comparison):
        return 1
    if not comparison.options.get("judge", True):
        return 0
    return 0 if all(good for good, _ in judgements(comparison)) else 1


def conclusion(comparison):
    """In one sentence."""
    if failures(comparison):
        return "FAILED: what failed is listed here."
    judged = judgements(comparison)
    if not judged:
        return "Nothing to judge: that takes ksmd and uksm at equal settings."
    if not all(good for good, _ in judged):
        return "uksm is WORSE than ksmd where it says NO."
    if all(good for good, _ in guests_judgements(comparison)):
        return "uksm is no worse than ksmd in any of these."
    return ("uksm saves no less and takes no more CPU than ksmd; its guests are "
            "WORSE off where it says NO.")
