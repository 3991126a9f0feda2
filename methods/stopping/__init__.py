"""Stopping rules: when a search ends before its last epoch, and which epoch's cell it then has found. One a file."""
