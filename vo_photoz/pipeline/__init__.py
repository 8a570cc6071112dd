"""The chains, one file each, and the store of jobs."""
