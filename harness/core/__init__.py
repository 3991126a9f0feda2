"""The leaves: errors, settings, genotypes, randomness, files, and the types that the parts hand to one another.

Everything may import them; they import nothing of the project but one another, and no torch until it is used.
"""
