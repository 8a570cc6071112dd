"""The chains: a room for each that takes several files, the short ones here; and the jobs of the service."""
