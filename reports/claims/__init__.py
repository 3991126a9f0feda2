"""What a paper claims, and what measured runs say of it."""
