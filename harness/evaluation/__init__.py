"""What a cell is worth: trained from scratch, or looked up. Everything heavy is in the modules."""
