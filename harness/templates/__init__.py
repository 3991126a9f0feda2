"""What `harness new` writes: for each kind of part a small working example, and the test of any of them.

Each is a plugin as it stands, but for its name: `example-name` as the member's and `example_name` as the file's.
"""
