"""NAS-Bench-201: its cell, the supernet and the final network, and the same cells on the benchmark's table."""
