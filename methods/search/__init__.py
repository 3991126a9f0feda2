"""The search of an alpha on a supernet: its parts, its state, and the loop that advances one to the next."""
