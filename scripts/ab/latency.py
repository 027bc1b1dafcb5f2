# SPDX-License-Identifier: GPL-2.0-only
"""Histograms as the guests' agent counts them (guest/latency.c)."""

SUB_BITS = 4
SUB_BUCKETS = 1 << SUB_BITS


def bucket_microseconds(bucket):
    """The middle of a bucket."""
    if bucket < SUB_BUCKETS:
        return bucket / 1000
    power, sub = divmod(bucket, SUB_BUCKETS)
    width = 1 << (power - 1)
    return ((SUB_BUCKETS + sub) * width + width / 2) / 1000


def parse(line):
    """("memory", {bucket: count}) of a line "latency memory 36:3 41:3"."""
    words = line.split()
    counts = {}
    for word in words[2:]:
        bucket, count = word.split(":")
        counts[bucket] = int(count)
    return words[1], counts


def add(total, counts):
    """Add a histogram to another, in place."""
    for bucket, count in counts.items():
        total[bucket] = total.get(bucket, 0) + count


def percentile(counts, percent):
    """In microseconds; None of nothing."""
    wanted = sum(counts.values()) * percent / 100
    if not counts:
        return None
    seen = 0
    for bucket in sorted(counts, key=int):
        seen += counts[bucket]
        if seen >= wanted:
            return bucket_microseconds(int(bucket))
    return None
