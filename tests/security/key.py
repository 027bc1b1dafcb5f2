#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Find copies of the checksum's secrets.

key.py patterns           as root: the secrets of the loaded module, from /proc/kcore,
                          one pattern in hexadecimal a line, as bytes and as text
key.py search FILE PATH.. print readable files below PATHs that hold one of them
"""
import os
import struct
import sys

# What module/pure/checksum.c keeps begins with its key, words of 32 bits of which the seed
# comes after those for each line, and has a permutation of the lines somewhere.
SYMBOL = 'config'
LINES = 64
KEY_WORDS_AT = (0, 4, LINES * 64)
SIZE = 6 << 10


def symbol_address(name):
    """The address of a symbol of the module."""
    with open('/proc/kallsyms', encoding='ascii') as symbols:
        for line in symbols:
            fields = line.split()
            if len(fields) == 4 and fields[2] == name and fields[3] == '[uksm]':
                return int(fields[0], 16)
    raise SystemExit(f'the module has no symbol {name}')


def kernel_memory(address, size):
    """Bytes of the kernel's memory, through the program headers of /proc/kcore."""
    with open('/proc/kcore', 'rb', buffering=0) as core:
        header = core.read(64)
        offset, = struct.unpack_from('<Q', header, 32)
        size_each, number = struct.unpack_from('<HH', header, 54)
        for i in range(number):
            core.seek(offset + i * size_each)
            _, _, at, start, _, length = struct.unpack_from('<IIQQQQ', core.read(size_each))
            if start <= address and address + size <= start + length:
                core.seek(at + address - start)
                return core.read(size)
    raise SystemExit('/proc/kcore does not have the address')


def line_order(config):
    """The permutation of the lines."""
    for at in range(len(config) - LINES):
        if sorted(config[at:at + LINES]) == list(range(LINES)):
            return config[at:at + LINES]
    raise SystemExit('what is there is not the configuration of the checksum')


def secrets():
    """The ways in which a secret could be written down."""
    config = kernel_memory(symbol_address(SYMBOL), SIZE)
    order = line_order(config)
    for at in KEY_WORDS_AT:
        word, = struct.unpack_from('<I', config, at)
        if word < 1 << 16:
            raise SystemExit(f'the word at {at} of the key is {word}, which hardly is one')
        for text in (f'{word:08x}', f'{word:08X}', f'{word}', f'{word - (1 << 32)}'):
            yield text.encode()
        yield config[at:at + 4]
    yield order[:8]
    for separator in (' ', ',', ', '):
        yield separator.join(str(line) for line in order[:6]).encode()


def files_below(path):
    """All regular files, without following links."""
    if not os.path.isdir(path):
        yield path
    for directory, _, names in os.walk(path):
        for name in names:
            yield os.path.join(directory, name)


def holds(path, patterns):
    """Does the file hold one of the patterns?"""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        content = b''
        while len(content) < 1 << 24:
            part = os.read(handle, 1 << 16)
            if not part:
                break
            content += part
    except OSError:
        return False
    finally:
        os.close(handle)
    return any(pattern in content for pattern in patterns)


def main():
    """See the top of the file."""
    if sys.argv[1:] == ['patterns']:
        for pattern in secrets():
            print(pattern.hex())
        return
    if len(sys.argv) < 4 or sys.argv[1] != 'search':
        raise SystemExit(__doc__)
    with open(sys.argv[2], encoding='ascii') as lines:
        patterns = [bytes.fromhex(line) for line in lines]
    for path in sys.argv[3:]:
        for name in files_below(path):
            if os.path.realpath(name) != os.path.realpath(sys.argv[2]) and holds(name, patterns):
                print(name)


if __name__ == '__main__':
    main()
