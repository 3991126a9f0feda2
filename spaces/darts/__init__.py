"""The DARTS family: its topology, its spaces, their supernets and final networks."""
