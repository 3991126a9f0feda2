"""One run: from a request to a finished run folder.

`runner` resolves a request into a plan and carries it out; `loop` moves a state on through checkpoints; `folder` is the
run on disk; `protocol` the settings that a study shares; `machine` the device it is on. Evaluations are carried by the
same loop into folders of the same kind.
"""
