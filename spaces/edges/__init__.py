"""Edges: what a mixed edge computes of a state, given the gates of its operations. One a file."""
