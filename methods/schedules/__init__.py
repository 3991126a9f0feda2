"""Schedules: what happens when: warm-up, the cadence of alpha's updates, stages with fewer operations. One a file."""
