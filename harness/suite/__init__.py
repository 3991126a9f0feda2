"""Suites: many searches and evaluations, planned, run on every device there is, and watched."""
