"""What `harness describe` says of a name: a method, a space, a data set, a protocol, a cell, a run."""
