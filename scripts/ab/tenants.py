# SPDX-License-Identifier: GPL-2.0-only
"""Tenants: guests that are not to share memory with each other's, arranged as uksm
tells them apart (its file isolation), by control group or by user."""

import os
import pathlib
import time

from . import domains
from .errors import Failure

# What --isolation takes.
KINDS = ("cgroup", "user")
GROUP = f"{domains.PREFIX}tenant-"
# Nobody has these: tenant 1 is the next.
USERS = 1999990000
REMOVE_SECONDS = 10


def tenant_of(number, tenants):
    """Guests belong to them by turns, counted from 1."""
    return (number - 1) % tenants + 1


def by_tenant(guests, tenants):
    """Lists of guests."""
    parts = [[] for _ in range(tenants)]
    for guest in guests:
        parts[tenant_of(guest.number, tenants) - 1].append(guest)
    return parts


def group_root():
    """Where control groups of version 2 are mounted; None if they are not."""
    for line in pathlib.Path("/proc/mounts").read_text().split("\n"):
        words = line.split()
        if words[2:3] == ["cgroup2"]:
            return pathlib.Path(words[1])
    return None


def remove_directory(path):
    """The last process of a group may be on its way out yet."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while path.exists():
        try:
            path.rmdir()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Failure(f"{path} is not removed: {error.strerror}") from error
            time.sleep(0.1)


def remove_groups():
    """Those of a comparison that was killed, too."""
    root = group_root()
    for group in root.glob(f"{GROUP}*") if root else []:
        for guest in group.glob(f"{domains.PREFIX}*"):
            remove_directory(guest)
        remove_directory(group)


class Groups:
    """A control group for each tenant, and one in it for each guest.

    So it is where each guest of libvirt has a group below its customer's; uksm
    is told that a customer's are one domain.
    """

    kind = "cgroup"

    def __init__(self, tenants):
        self.tenants = tenants
        self.root = group_root()
        if not self.root:
            raise Failure("no control groups of version 2 here, which tenants are told "
                          "apart by: --isolation user")

    def path(self, tenant):
        return self.root / f"{GROUP}{tenant}"

    def arrange(self, _work):
        try:
            for tenant in range(1, self.tenants + 1):
                self.path(tenant).mkdir(exist_ok=True)
        except OSError as error:
            raise Failure(f"{error.filename}: {error.strerror}") from error

    def place(self, spec, number):
        """Say in the specification of a guest whose it is."""
        spec.group = self.path(tenant_of(number, self.tenants)) / spec.name
        spec.group.mkdir(exist_ok=True)

    def tell(self, engine):
        """All guests of a tenant are one domain."""
        for tenant in range(1, self.tenants + 1):
            engine.tell("domains/cgroups", f"+/{GROUP}{tenant}")

    def whereabouts(self, guest):
        """(where its QEMU is, where it belongs)"""
        found = pathlib.Path(f"/proc/{guest.pid}/cgroup").read_text().split("\n")
        return ("".join(line[3:] for line in found if line.startswith("0::")),
                f"/{guest.spec.group.relative_to(self.root)}")

    @staticmethod
    def remove():
        remove_groups()


class Users:
    """Each tenant's QEMUs run as a user of its own, one that has no account."""

    kind = "user"

    def __init__(self, tenants):
        self.tenants = tenants
        self.directories = {}
        self.gid = self.kvm_group()

    @staticmethod
    def kvm_group():
        """A group that may use KVM."""
        found = os.stat("/dev/kvm")
        if found.st_mode & 0o006 == 0o006:
            return USERS
        if found.st_mode & 0o060 == 0o060 and found.st_gid:
            return found.st_gid
        raise Failure("/dev/kvm is for root alone, tenants cannot be users: "
                      "--isolation cgroup")

    def user(self, number):
        return USERS + tenant_of(number, self.tenants)

    def arrange(self, work):
        """Each has a directory to make files in, and may read what guests boot."""
        for file in work.iterdir():
            file.chmod(0o644)
        for tenant in range(1, self.tenants + 1):
            directory = self.directories[tenant] = work / f"tenant-{tenant}"
            directory.mkdir(mode=0o700)
            os.chown(directory, USERS + tenant, self.gid)

    def place(self, spec, number):
        directory = self.directories[tenant_of(number, self.tenants)]
        spec.user, spec.gid = self.user(number), self.gid
        spec.console = directory / spec.console.name
        spec.talk = directory / spec.talk.name

    @staticmethod
    def tell(_engine):
        """Users are domains as they are."""

    def whereabouts(self, guest):
        status = pathlib.Path(f"/proc/{guest.pid}/status").read_text()
        found = [line.split()[1] for line in status.split("\n")
                 if line.startswith("Uid:")]
        return f"user {''.join(found)}", f"user {self.user(guest.number)}"

    @staticmethod
    def remove():
        """Their directories go with the others."""


def make(kind, tenants):
    return {"cgroup": Groups, "user": Users}[kind](tenants)
