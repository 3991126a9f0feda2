"""Perturbations: what the gates of a weight step become, so that the weights suit other gates too. One a file."""
