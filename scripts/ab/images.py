# SPDX-License-Identifier: GPL-2.0-only
"""What guests boot: their initial file systems, from this tree."""

import pathlib
import shutil
import subprocess
import tempfile

from .errors import Failure

GUEST = pathlib.Path(__file__).with_name("guest")
SOURCES = ("agent.c", "memory.c", "latency.c", "service.c")
# For a Debian image on a disk; what they need comes along.
MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")


def build_agent(target):
    subprocess.run(["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror",
                    "-static", "-o", target, *(GUEST / name for name in SOURCES)],
                   check=True)


def add_modules(tree, kernel):
    """The modules and the order to load them in."""
    release = (kernel / "release").read_text().strip()
    directory = tree / "modules"
    directory.mkdir()
    names = []
    for module in MODULES:
        shown = subprocess.run(
            ["modprobe", "-d", kernel / "tree", "-S", release, "--show-depends",
             module], stdout=subprocess.PIPE, text=True, check=True).stdout
        for line in shown.split("\n"):
            words = line.split()
            if len(words) < 2 or words[0] != "insmod":
                continue
            source = pathlib.Path(words[1])
            name = source.name.removesuffix(".xz").removesuffix(".zst")
            if name in names:
                continue
            names.append(name)
            unpack(source, directory / name)
    (directory / "order").write_text("".join(f"{name}\n" for name in names))


def unpack(source, target):
    tool = {".xz": ["xz", "-dc"], ".zst": ["zstd", "-qdc"]}.get(source.suffix)
    if not tool:
        shutil.copy(source, target)
        return
    with open(target, "wb") as file:
        subprocess.run([*tool, source], stdout=file, check=True)


def build_initrd(target, agent, kernel=None):
    """busybox, guest/init and the agent; with a kernel its modules for disks."""
    busybox = shutil.which("busybox")
    if not busybox:
        raise Failure("no busybox on this machine: scripts/setup host")
    with tempfile.TemporaryDirectory() as directory:
        tree = pathlib.Path(directory)
        (tree / "bin").mkdir()
        shutil.copy(busybox, tree / "bin/busybox")
        (tree / "bin/sh").symlink_to("busybox")
        shutil.copy(GUEST / "init", tree / "init")
        shutil.copy(agent, tree / "agent")
        if kernel:
            add_modules(tree, kernel)
        with open(target, "wb") as initrd:
            subprocess.run("find . | sort | cpio -o -H newc --quiet -R 0:0",
                           shell=True, cwd=tree, stdout=initrd, check=True)


def is_current(target, *sources):
    """Made from these already?"""
    return target.exists() and all(
        source.stat().st_mtime <= target.stat().st_mtime for source in sources)


def build(directory, kernel, debian):
    """The initial file systems into a directory; their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    agent = directory / "agent"
    if not is_current(agent, *GUEST.iterdir()):
        build_agent(agent)
    paths = [directory / "busybox.initrd"]
    if not is_current(paths[0], agent, GUEST / "init"):
        build_initrd(paths[0], agent)
    if debian:
        release = (kernel / "release").read_text().strip()
        (directory / release).mkdir(exist_ok=True)
        paths.append(directory / release / "debian.initrd")
        if not is_current(paths[1], agent, GUEST / "init", kernel / "release"):
            build_initrd(paths[1], agent, kernel)
    return paths
