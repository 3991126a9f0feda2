"""SPSA as a rule for alpha, a space of five operations, and a made dataset: all from outside of the harness."""
