"""The paper's tables: how each is laid out, what was measured for its cells, and the verdict on every pair."""
