"""Relaxations: how the logits alpha become gates on the operations, and strengths to derive a cell from. One a file."""
