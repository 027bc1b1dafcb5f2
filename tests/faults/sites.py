# SPDX-License-Identifier: GPL-2.0-only
"""The module's allocation sites: those seen at work, and those in the source.

A site is an address in the module to which a call returns that has allocated.
Sites seen are found in the stacks of the kernel's allocation events; sites of the
source are those that the compiler has noted for /proc/allocinfo.
"""
import os
import re
import subprocess

TRACING = '/sys/kernel/tracing/'
EVENTS = {
    'kmalloc': 'ptr == 0',
    'kmem_cache_alloc': 'ptr == 0',
    'mm_page_alloc': 'pfn == 0xffffffffffffffff',
}
# Names are looked up when the stack is read, and the module may be gone by then.
STACK_OPTIONS = ('stacktrace', 'sym-addr')
ADDRESS = re.compile(r'^ => .*<([0-9a-f]{16})>$', re.MULTILINE)
# Of the module: no two have one name.
SOURCES = {name for _, _, names in os.walk('module') for name in names if name.endswith(('.c', '.h'))}
FRAME = re.compile(r'([\w.]+)\+(0x[0-9a-f]+)/(0x[0-9a-f]+) \[uksm\]')


def put(path, text):
    with open(TRACING + path, 'w') as file:
        file.write(text)


def event_file(event, name):
    return f'events/kmem/{event}/{name}'


def watch(pids):
    """Count the stacks of these processes' allocations, from nothing."""
    wanted = '||'.join(f'common_pid == {pid}' for pid in pids)
    for event in EVENTS:
        put(event_file(event, 'trigger'),
            f'hist:keys=common_stacktrace:size=8192 if {wanted}')


def seen():
    """End the watch; returns the innermost frames in the module that were seen."""
    frames = set()
    for event in EVENTS:
        with open(TRACING + event_file(event, 'hist')) as file:
            stacks = file.read().split('{ common_stacktrace:')
        with open(TRACING + event_file(event, 'trigger')) as file:
            trigger = next(line for line in file if line.startswith('hist:'))
        put(event_file(event, 'trigger'), '!' + trigger.split(' [')[0])
        for stack in stacks:
            found = FRAME.search(stack)
            if found:
                frames.add(found.group(0))
    return frames


def watch_failures():
    """Record, with its stack, each allocation that fails from now on."""
    put('trace', '')
    for option in STACK_OPTIONS:
        put(f'options/{option}', '1')
    for event, failed in EVENTS.items():
        put(event_file(event, 'filter'), failed)
        put(event_file(event, 'enable'), '1')


def failed_stack():
    """End watch_failures(); returns the addresses under the first failure."""
    for event in EVENTS:
        put(event_file(event, 'enable'), '0')
        put(event_file(event, 'filter'), '0')
    with open(TRACING + 'trace') as file:
        stacks = file.read().split('<stack trace>')
    for option in STACK_OPTIONS:
        put(f'options/{option}', '0')
    return [int(found, 16) for found in ADDRESS.findall(stacks[1])] if len(stacks) > 1 else []


class Module:
    """Its symbols and its lines."""

    def __init__(self, path):
        self.path = path
        self.functions = {}
        self.bases = {}
        listing = subprocess.run(['objdump', '-t', path], capture_output=True, text=True,
                                 check=True).stdout
        for line in listing.splitlines():
            match = re.match(r'([0-9a-f]+) .{6}F (\S+)\t([0-9a-f]+) (?:\.hidden )?(\S+)$', line)
            if match:
                value, section, size, name = match.groups()
                self.functions[name] = (section, int(value, 16), int(size, 16))

    def loaded(self):
        """Note where it is now, for stacks that are read when it is gone.

        It comes to the same addresses when it is loaded again; should it not, then what
        frame() says is no place that has been seen.
        """
        for section in {section for section, _, _ in self.functions.values()}:
            with open(f'/sys/module/uksm/sections/{section}') as file:
                self.bases[section] = int(file.read(), 16)

    def frame(self, stack):
        """The innermost of some addresses that is in the module where it was last, or None."""
        for where in stack:
            for name, (section, value, size) in self.functions.items():
                offset = where - self.bases[section] - value
                if 0 < offset <= size:
                    return f'{name}+{offset:#x}/{size:#x} [uksm]'
        return None

    def lines(self, frame):
        """(file:line, function) of a call, those that it was inlined into last."""
        name, offset, _ = FRAME.match(frame).groups()
        section, value, _ = self.functions[name]
        address = value + int(offset, 16) - 1
        said = subprocess.run(['addr2line', '-i', '-f', '-e', self.path, '-j', section,
                               hex(address)], capture_output=True, text=True,
                              check=True).stdout.splitlines()
        lines = []
        for function, where in zip(said[::2], said[1::2]):
            path, _, line = where.split(' ')[0].rpartition(':')
            lines.append((os.path.basename(path) + ':' + line, function))
        return lines

    def describe(self, frame):
        """The innermost place in the module's own source."""
        for where, function in self.lines(frame):
            if where.split(':')[0] in SOURCES:
                return f'{where} {function}'
        return frame

    def init(self, frame):
        """Is it code that is gone once the module is loaded?"""
        return self.functions[FRAME.match(frame).group(1)][0].startswith('.init')


def address(frame):
    """The return address of a frame, where the module is loaded now."""
    name, offset, _ = FRAME.match(frame).groups()
    with open('/proc/kallsyms') as file:
        found = [int(line.split()[0], 16) for line in file
                 if line.endswith('[uksm]\n') and line.split()[2] == name]
    if len(found) != 1:
        raise LookupError(f'{len(found)} functions {name}')
    return found[0] + int(offset, 16)


def noted():
    """file:line of every call in the module that the compiler knows to allocate."""
    with open('/proc/allocinfo') as file:
        lines = [line.split() for line in file if ' [uksm] ' in line]
    return {f'{os.path.basename(words[2])} {words[-1].removeprefix("func:")}'
            for words in lines}
