"""Training a network whose weights are one flat vector: batches, arithmetic, SGD, recordings, candidates in parallel.

What searches on a supernet, black-box searches and evaluations have in common; it knows nothing of alpha.
"""
