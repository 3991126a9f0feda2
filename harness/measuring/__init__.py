"""Measuring what operations cost on a device."""
