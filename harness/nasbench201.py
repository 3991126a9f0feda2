"""The old place of `open_table`: it is in `harness.tables.nasbench201` now, and ground truths in `harness.tables`."""

from harness.tables.nasbench201 import open_table as open_table
