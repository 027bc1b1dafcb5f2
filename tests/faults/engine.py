# SPDX-License-Identifier: GPL-2.0-only
"""The engine as its sysfs files show it."""
import os
import time

DIRECTORY = '/sys/kernel/mm/uksm/'
SLOWER = int(os.environ.get('UKSM_SLOWER', '1'))


def loaded():
    return os.path.isdir(DIRECTORY)


def read(name):
    with open(DIRECTORY + name) as file:
        return int(file.read())


def write(name, value):
    """Write a knob; returns 0 or the errno."""
    file = os.open(DIRECTORY + name, os.O_WRONLY)
    try:
        os.write(file, str(value).encode())
    except OSError as error:
        return error.errno
    finally:
        os.close(file)
    return 0


def merged():
    """Addresses that have been merged with each other."""
    return read('pages_shared') + read('pages_sharing')


def merged_and_zero():
    return merged(), read('ksm_zero_pages')


def tracked():
    return merged() + read('pages_unshared') + read('pages_volatile')


def scanner_at():
    """Where the scanner thread is: its state, and the kernel functions it is in."""
    pid = read('kthread_pid')
    with open(f'/proc/{pid}/stat') as file:
        state = file.read().rsplit(')', 1)[1].split()[0]
    with open(f'/proc/{pid}/stack') as file:
        functions = [line.split()[1] for line in file]
    return f'{state} in ' + (' < '.join(functions) or 'no function')


def wait(condition, seconds):
    """Wait until a condition holds; returns whether it came to that.

    A host that stands still lets the clock jump. Nothing could happen meanwhile, so a
    jump counts as one second at most.
    """
    left = seconds * SLOWER
    last = time.monotonic()
    while not condition():
        now = time.monotonic()
        left -= min(now - last, 1)
        last = now
        if left < 0:
            return False
        time.sleep(0.02)
    return True


def scans(count, seconds):
    """Let some full scans go by, or the seconds when the engine cannot scan."""
    target = read('full_scans') + count
    return wait(lambda: read('full_scans') >= target, seconds)
