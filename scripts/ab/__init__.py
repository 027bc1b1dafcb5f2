# SPDX-License-Identifier: GPL-2.0-only
"""The comparison of ksmd and uksm on the same KVM guests: scripts/uksm-ab."""
