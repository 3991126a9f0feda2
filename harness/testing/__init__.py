"""The conformance suite: what every method, space, data set and part owes its users, for authors of their own.

`harness check my_method.py` runs it on what a plugin defines. In a test file beside the plugin it is one line:

    from pathlib import Path
    from harness.testing import conformance

    test_conformance = conformance(Path(__file__).with_name("my_method.py"))

The checks are plain functions that raise `Broken` with a sentence, one kind of member a file: `searches` and `settings`
of methods, `rules`, `strategies`, `spaces`, `operations`, `datasets`. `subjects` says which of them a member has to
pass. They are run on made data (`toy_data`, `toy_table`) and on searches of a second (`short`). Only `conformance`
needs pytest, and only when it is called.
"""

from harness.testing.conformance import conformance
from harness.testing.requirement import Broken
from harness.testing.short import Finished, finish, short_search
from harness.testing.states import run_to_end, same
from harness.testing.toy_data import ToyDataset
from harness.testing.toy_table import toy_table, write_toy_table

__all__ = [
    "Broken",
    "Finished",
    "ToyDataset",
    "conformance",
    "finish",
    "run_to_end",
    "same",
    "short_search",
    "toy_table",
    "write_toy_table",
]
