"""Has a code change made a method find worse cells? Methods x seeds against a stored baseline."""
