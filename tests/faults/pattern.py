# SPDX-License-Identifier: GPL-2.0-only
"""Processes whose memory is a known pattern, with every kind of merge in it."""
import ctypes
import mmap
import os
import signal
import socket
import struct

PAGE = mmap.PAGESIZE
HUGE = 2 << 20
MADV_MERGEABLE = 12
MADV_HUGEPAGE = 14
MADV_NOHUGEPAGE = 15

PROCESSES = 3
# Pages of a process by what they hold.
PAIRS = 40       # the same as in the other processes
ALIKE = 16       # all the same: more than max_page_sharing allows
ZERO = 6
OWN = 20         # like no other
NEAR = 12        # each differs from the others in one line only
HUGE_PAIRS = 24  # as PAIRS, in a huge page whose other pages are OWN

# What there is to merge in all, with each other and with the zero page.
MERGEABLE = PROCESSES * (PAIRS + ALIKE + HUGE_PAIRS)
ZEROES = PROCESSES * ZERO
# And in processes that are domains of their own.
MERGEABLE_ALONE = PROCESSES * ALIKE


def fill(tag, index):
    """The page that (tag, index) decides."""
    return struct.pack('<QQ', tag, index + 1) * (PAGE // 16)


def near(tag, index):
    """A page whose lines all differ, and which is like others of that tag but for one line."""
    lines = [struct.pack('<QQ', tag, line + 1) * 4 for line in range(PAGE // 64)]
    lines[index * 5] = struct.pack('<QQ', tag, 1000 + index) * 4
    return b''.join(lines)


class Area:
    """The memory of one process, and what must be in it."""

    def __init__(self, process):
        self.process = process
        self.map = mmap.mmap(-1, 3 * HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.map))
        self.huge = -address % HUGE
        self.small = self.huge + HUGE
        self.map.madvise(MADV_NOHUGEPAGE)
        self.map.madvise(MADV_HUGEPAGE, self.huge, HUGE)
        self.content = {}
        self.write_all()
        self.map.madvise(MADV_MERGEABLE)

    def wanted(self):
        """(offset, page) of all pages that are in use."""
        for index in range(HUGE // PAGE):
            tag = 1 if index < HUGE_PAIRS else 100 + self.process
            yield self.huge + index * PAGE, fill(tag, index)
        pages = [fill(2, index) for index in range(PAIRS)]
        pages += [fill(3, 0)] * ALIKE + [bytes(PAGE)] * ZERO
        pages += [fill(200 + self.process, index) for index in range(OWN)]
        pages += [near(300 + self.process, index) for index in range(NEAR)]
        for index, page in enumerate(pages):
            # Apart, so that several tiles of records are needed.
            yield self.small + index * 5 * PAGE, page

    def write_all(self):
        """Write what is not there (any more)."""
        for offset, page in self.wanted():
            if self.content.get(offset) != page:
                self.map[offset:offset + PAGE] = page
                self.content[offset] = page

    def rewrite(self, generation):
        """Write a word of some pages of every kind."""
        for offset in list(self.content)[::7]:
            page = self.content[offset]
            word = struct.pack('<QQ', 1000 + self.process, generation)
            self.map[offset:offset + len(word)] = word
            self.content[offset] = word + page[len(word):]

    def check(self):
        """What is wrong, or nothing."""
        for offset, page in self.content.items():
            if self.map[offset:offset + PAGE] != page:
                return f'process {self.process}: wrong bytes at offset {offset:#x}'
        return ''


class Worker:
    """What a forked process does at the requests of its parent."""

    def __init__(self, process, channel):
        self.area = Area(process)
        self.channel = channel
        self.child = 0
        self.child_end = None

    def fork(self):
        """A child that keeps what it inherits, and looks at it in the end."""
        reader, self.child_end = os.pipe()
        self.child = os.fork()
        if self.child:
            os.close(reader)
            return ''
        os.close(self.child_end)
        self.channel.close()
        os.read(reader, 1)
        os._exit(1 if self.area.check() else 0)

    def reap(self):
        os.close(self.child_end)
        status = os.waitpid(self.child, 0)[1]
        return f'the child ended with {status:#x}' if status else ''

    def serve(self):
        self.channel.sendall(b'\n')
        while True:
            request, _, argument = self.channel.recv(64).decode().strip().partition(' ')
            if request == 'check':
                answer = self.area.check()
            elif request == 'rewrite':
                answer = self.area.rewrite(int(argument)) or ''
            elif request == 'restore':
                answer = self.area.write_all() or ''
            elif request == 'fork':
                answer = self.fork()
            elif request == 'reap':
                answer = self.reap()
            else:
                return
            self.channel.sendall(answer.encode() + b'\n')


class Pattern:
    """All the processes."""

    def __init__(self):
        self.pids = []
        self.channels = []
        for process in range(PROCESSES):
            self.start(process)
        for channel in self.channels:
            self.answer(channel)

    def start(self, process):
        here, there = socket.socketpair()
        pid = os.fork()
        if not pid:
            here.close()
            for channel in self.channels:
                channel.close()
            try:
                Worker(process, there).serve()
            finally:
                os._exit(0)
        there.close()
        self.pids.append(pid)
        self.channels.append(here)

    @staticmethod
    def answer(channel):
        text = b''
        while not text.endswith(b'\n'):
            piece = channel.recv(256)
            if not piece:
                return 'a process of the pattern is gone'
            text += piece
        return text.decode().strip()

    def ask(self, request):
        """Have all do something; returns the first complaint."""
        for channel in self.channels:
            channel.sendall(request.encode() + b'\n')
        answers = [self.answer(channel) for channel in self.channels]
        return next(filter(None, answers), '')

    def merging_pages(self):
        """What the kernel says of each process, and not of their children."""
        found = []
        for pid in self.pids:
            with open(f'/proc/{pid}/ksm_merging_pages') as file:
                found.append(int(file.read()))
        return found

    def huge_pages(self):
        """KiB of each process in huge pages."""
        found = []
        for pid in self.pids:
            with open(f'/proc/{pid}/smaps_rollup') as file:
                found += [int(line.split()[1]) for line in file if 'AnonHugePages' in line]
        return found

    def stop(self):
        for channel in self.channels:
            channel.close()
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
