"""Searches of an alpha on a ground-truth table, where the rule meets the exact objective and nothing else."""
