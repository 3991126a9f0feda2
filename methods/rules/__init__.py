"""The rules: how alpha moves, given an oracle. One file each; a rule never sees a supernet."""
