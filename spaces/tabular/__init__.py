"""Spaces that are known by a table alone: those that the user has imported, and NATS-Bench's sizes."""
