"""The release, by itself, so that no leaf needs the package that is built on it."""

__version__ = "0.1.0"
