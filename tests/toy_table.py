"""The made table, by the name that the tests know it by."""

from harness.testing.toy_table import SEEDS, toy_table, write_toy_table

__all__ = ["SEEDS", "toy_table", "write_toy_table"]
