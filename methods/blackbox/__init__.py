"""Black-box methods: a strategy proposes genotypes, an evaluator says how accurate each is."""
