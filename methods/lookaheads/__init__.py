"""Lookaheads: what stands for w*(alpha), the weights that the validation loss of an alpha is taken at. One a file."""
