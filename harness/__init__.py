"""Benchmarking harness for neural architecture search."""

from harness.core.version import __version__

__all__ = ["__version__"]
