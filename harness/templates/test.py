"""example-name keeps to what its kind owes its users.

A plain version of a rule or a strategy, in a mapping REFERENCES = {"example-name": ...} beside it, is compared with it.
"""

from pathlib import Path

from harness.testing import conformance

test_conformance = conformance(Path(__file__).with_name("example_name.py"))
