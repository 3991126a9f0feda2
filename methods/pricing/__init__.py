"""Objectives with a price: alpha's loss as an expression in the loss and in what the architecture costs."""
