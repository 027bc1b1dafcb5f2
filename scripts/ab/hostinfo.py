# SPDX-License-Identifier: GPL-2.0-only
"""What there is on this host."""

import os
import pathlib
import platform
import subprocess

from .errors import Failure


# Daemons that start, stop and tune ksmd, by what the kernel calls them: 15 bytes.
TUNERS = ("ksmtuned", "momd", "virt-handler")


def available_bytes():
    for line in pathlib.Path("/proc/meminfo").read_text().split("\n"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def foreign_memory():
    """Other processes whose memory may be merged: their names and PIDs."""
    found = []
    for smaps in pathlib.Path("/proc").glob("[0-9]*/smaps"):
        try:
            text = smaps.read_text(errors="replace")
            if any(" mg" in line for line in text.split("\n")
                   if line.startswith("VmFlags:")):
                comm = smaps.with_name("comm").read_text().strip()
                found.append(f"{comm} ({smaps.parent.name})")
        except (OSError, ProcessLookupError):
            continue    # it ended meanwhile, or is not ours to see
    return found


def tuners(proc=pathlib.Path("/proc")):
    """What would write to ksm's files meanwhile, or shows another engine there."""
    found = []
    for comm in proc.glob("[0-9]*/comm"):
        try:
            if comm.read_text().strip() in TUNERS:
                found.append(f"{comm.read_text().strip()} ({comm.parent.name})")
        except (OSError, ProcessLookupError):
            continue    # it ended meanwhile
    for line in (proc / "self/mountinfo").read_text().split("\n"):
        if line.split()[4:5] == ["/sys/kernel/mm/ksm"]:
            found.append("a mount on /sys/kernel/mm/ksm (uksm-ksm-compat stop)")
    return found


def need_kvm():
    """Load it, where it is a module; complain where there is none."""
    for module in ("kvm_amd", "kvm_intel"):
        if not pathlib.Path("/dev/kvm").exists():
            subprocess.run(["modprobe", "-q", module], check=False)
    if not pathlib.Path("/dev/kvm").exists():
        raise Failure("no KVM on this machine")


def describe(backend):
    """For the report."""
    cpu = [line.split(":", 1)[1].strip() for line in
           pathlib.Path("/proc/cpuinfo").read_text().split("\n")
           if line.startswith("model name")]
    huge_pages = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "release": platform.release(), "version": platform.version(),
        "cpus": os.cpu_count(), "cpu": cpu[0] if cpu else "",
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * 4096 >> 20,
        "guests_are": backend.kind, "software": backend.describe(),
        "huge_pages": huge_pages.read_text().strip() if huge_pages.exists() else ""}
