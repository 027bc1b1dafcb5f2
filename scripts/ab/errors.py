# SPDX-License-Identifier: GPL-2.0-only
"""What ends an experiment early."""


class Failure(Exception):
    """Something that went wrong, in words for the reader of the report."""
