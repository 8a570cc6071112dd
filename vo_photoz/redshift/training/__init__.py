"""Fit networks: sources of stamps, what is made of them on the way, the steps, states that outlive a kill."""
