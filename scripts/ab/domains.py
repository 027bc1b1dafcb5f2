# SPDX-License-Identifier: GPL-2.0-only
"""Starting and stopping guests: as libvirt's domains, or, where no libvirtd
answers, by QEMU alone."""

import dataclasses
import pathlib
import shutil
import subprocess
from xml.sax.saxutils import escape

from .errors import Failure

# Nothing else on a host is called so; what is left over is found by it.
PREFIX = "uksm-ab-"
TEMPLATE = pathlib.Path(__file__).with_name("domain.xml")
RUN_DIRECTORY = pathlib.Path("/run/libvirt/qemu")
STOP_SECONDS = 30


@dataclasses.dataclass
class Spec:
    """A guest to be."""

    name: str
    memory_mib: int
    kernel: pathlib.Path
    initrd: pathlib.Path
    cmdline: str
    console: pathlib.Path
    talk: pathlib.Path
    disk: pathlib.Path = None
    nosharepages: bool = False
    # Of a tenant: its control group's directory, or a user ID and a group ID.
    group: pathlib.Path = None
    user: int = None
    gid: int = None


def emulator():
    found = shutil.which("qemu-system-x86_64")
    if not found:
        raise Failure("no qemu-system-x86_64 on this machine")
    return found


class Libvirt:
    """Domains of qemu:///system."""

    kind = "libvirt"

    def __init__(self):
        import libvirt  # pylint: disable=import-outside-toplevel

        self.libvirt = libvirt
        # Errors come as exceptions; nothing is to be printed besides.
        libvirt.registerErrorHandler(lambda *_: None, None)
        self.connection = libvirt.open("qemu:///system")

    def describe(self):
        def dotted(number):
            return f"{number // 1000000}.{number // 1000 % 1000}.{number % 1000}"
        return f"libvirt {dotted(self.connection.getLibVersion())}, " \
            f"QEMU {dotted(self.connection.getVersion())}"

    @staticmethod
    def xml(spec):
        disk = spec.disk and (
            "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
            f"<source file='{escape(str(spec.disk))}'/>"
            "<target dev='vda' bus='virtio'/></disk>")
        text = TEMPLATE.read_text()
        for key, value in (
                ("NAME", spec.name), ("MEMORY", spec.memory_mib),
                ("KERNEL", spec.kernel), ("INITRD", spec.initrd),
                ("CMDLINE", spec.cmdline), ("CONSOLE", spec.console),
                ("TALK", spec.talk), ("EMULATOR", emulator())):
            text = text.replace(f"@{key}@", escape(str(value), {"'": "&apos;"}))
        return text.replace("@DISK@", disk or "").replace(
            "@NOSHAREPAGES@", "<nosharepages/>" if spec.nosharepages else "")

    def start(self, spec):
        """Define and start it; the PID of its QEMU."""
        try:
            domain = self.connection.defineXML(self.xml(spec))
            domain.createWithFlags(
                self.libvirt.VIR_DOMAIN_START_PAUSED if spec.group else 0)
            pid = int((RUN_DIRECTORY / f"{spec.name}.pid").read_text())
            if spec.group:
                # Before the guest has touched its memory.
                (spec.group / "cgroup.procs").write_text(f"{pid}\n")
                domain.resume()
            return pid
        except (self.libvirt.libvirtError, OSError) as error:
            raise Failure(f"libvirt does not start {spec.name}: {error}") from error

    def find(self, name):
        try:
            return self.connection.lookupByName(name)
        except self.libvirt.libvirtError:
            return None

    def running(self, name):
        domain = self.find(name)
        try:
            return bool(domain) and bool(domain.isActive())
        except self.libvirt.libvirtError:
            return False

    def remove(self, name):
        """Whatever state it is in, it is gone afterwards."""
        domain = self.find(name)
        if not domain:
            return
        try:
            if domain.isActive():
                domain.destroy()
        except self.libvirt.libvirtError:
            pass    # it ended of itself
        try:
            domain.undefine()
        except self.libvirt.libvirtError as error:
            if self.find(name):
                raise Failure(f"libvirt does not undefine {name}: "
                              f"{error}") from error

    def left_over(self):
        return [domain.name() for domain in self.connection.listAllDomains()
                if domain.name().startswith(PREFIX)]

    def close(self):
        self.connection.close()


class PlainQemu:
    """QEMU processes, with what libvirt would tell them."""

    kind = "QEMU without libvirt"

    def __init__(self):
        self.processes = {}

    @staticmethod
    def describe():
        version = subprocess.run([emulator(), "-version"], text=True, check=True,
                                 stdout=subprocess.PIPE).stdout
        return version.split("\n", 1)[0].split("(")[0].strip()

    def start(self, spec):
        merge = "off" if spec.nosharepages else "on"
        disk = ["-drive", f"file={spec.disk},format=qcow2,if=virtio"] \
            if spec.disk else []
        who = {} if spec.user is None else \
            {"user": spec.user, "group": spec.gid, "extra_groups": []}
        with open(f"{spec.console}.qemu", "wb") as log:
            process = subprocess.Popen(
                [*self.into_group(spec), emulator(), "-name", spec.name,
                 "-M", f"q35,mem-merge={merge}",
                 "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                 "-accel", "kvm", "-cpu", "host", "-smp", "1",
                 "-m", f"{spec.memory_mib}M", "-kernel", str(spec.kernel),
                 "-initrd", str(spec.initrd), "-append", spec.cmdline,
                 "-serial", f"file:{spec.console}",
                 "-serial", f"unix:{spec.talk},server=on,wait=off", *disk],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, **who)
        self.processes[spec.name] = process
        return process.pid

    @staticmethod
    def into_group(spec):
        """What goes before QEMU's command line, so that it starts in its group."""
        if not spec.group:
            return []
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"',
                str(spec.group / "cgroup.procs")]

    def running(self, name):
        return name in self.processes and self.processes[name].poll() is None

    def remove(self, name):
        process = self.processes.pop(name, None)
        if process:
            process.kill()
            process.wait(STOP_SECONDS)

    @staticmethod
    def left_over():
        return []

    def close(self):
        for name in list(self.processes):
            self.remove(name)


def stray_qemus():
    """PIDs of what PlainQemu started and could not end, being killed."""
    found = []
    for cmdline in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = cmdline.read_bytes().split(b"\0")
        except (OSError, ProcessLookupError):
            continue    # it ended meanwhile
        if b"-name" in words and \
                words[words.index(b"-name") + 1].startswith(PREFIX.encode()):
            found.append(int(cmdline.parent.name))
    return found


def connect(choice):
    """A backend: "libvirt", "qemu", or "auto": the first that works."""
    if choice == "qemu":
        return PlainQemu(), None
    try:
        return Libvirt(), None
    except Exception as error:  # pylint: disable=broad-except
        # libvirt's own exceptions are unknown where its module is missing.
        if choice == "libvirt":
            raise Failure(f"libvirt does not answer: {error}") from error
        return PlainQemu(), str(error)
