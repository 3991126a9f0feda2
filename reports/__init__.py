"""Tables, figures and statistics from run folders."""
