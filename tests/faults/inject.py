# SPDX-License-Identifier: GPL-2.0-only
"""Failing allocations, by the kernel's fault injection."""
import ctypes
import os

DEBUGFS = '/sys/kernel/debug/'
ATTRIBUTES = ('failslab', 'fail_page_alloc')
MANY = 1000000
# Where the kernel puts modules, with KASLR or without: what has none of this on its
# stack is not ours.
MODULES = (0xffffffffa0000000, 0xffffffffff000000)
NOWHERE = (0, 1)


def put(path, value):
    with open(path, 'w') as file:
        file.write(str(value))


def set_attributes(**values):
    """Set files of both attributes; a dash is spelled as an underscore."""
    for attribute in ATTRIBUTES:
        for name, value in values.items():
            path = DEBUGFS + attribute + '/' + name.replace('_', '-')
            if os.path.exists(path):
                put(path, value)


def prepare():
    """Nothing fails yet, but all kinds of allocation can."""
    set_attributes(probability=0, interval=1, times=MANY, space=0, verbose=0,
                   task_filter='Y', ignore_gfp_wait='N', ignore_gfp_highmem='N',
                   min_order=0, stacktrace_depth=32)
    set_range(NOWHERE)


def set_range(addresses):
    set_attributes(require_start=addresses[0], require_end=addresses[1])


def arm(addresses, percent=100):
    """Let what is called from these return addresses fail."""
    set_attributes(times=MANY)
    set_range(addresses)
    set_attributes(probability=percent)


def disarm():
    """Returns how many allocations have failed."""
    set_attributes(probability=0)
    set_range(NOWHERE)
    failed = 0
    for attribute in ATTRIBUTES:
        with open(DEBUGFS + attribute + '/times') as file:
            failed += MANY - int(file.read())
    return failed


def subject(pid, yes):
    """Can allocations of this process fail?"""
    put(f'/proc/{pid}/make-it-fail', int(yes))


LIBC = ctypes.CDLL(None, use_errno=True)
SYS_FINIT_MODULE = 313
SYS_DELETE_MODULE = 176


def load(path, nth=0):
    """Load a module, with the nth allocation under it failing, counted from 1.

    Returns (errno, whether there was an nth).
    """
    counter = '/proc/thread-self/fail-nth'
    file = os.open(path, os.O_RDONLY)
    set_range(MODULES)
    if nth:
        put(counter, nth)
    result = LIBC.syscall(SYS_FINIT_MODULE, file, b'', 0)
    error = ctypes.get_errno() if result else 0
    with open(counter) as left:
        failed = nth and not int(left.read())
    put(counter, 0)
    set_range(NOWHERE)
    os.close(file)
    return error, bool(failed)


def unload(name):
    """Unload a module; returns 0 or the errno."""
    result = LIBC.syscall(SYS_DELETE_MODULE, name.encode(), os.O_NONBLOCK)
    return ctypes.get_errno() if result else 0
