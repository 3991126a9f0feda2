"""Methods compared: the estimates and tests, what each run's cell reaches, and both as tables of text."""
