"""The mobile family: chains of inverted residual blocks, their supernets and final networks."""
