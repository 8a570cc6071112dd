"""TAP services: requests, jobs, answers and failures, limits, uploads, and whose turn it is."""
