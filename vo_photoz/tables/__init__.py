"""Any table in, VOTable out: reading, positions, columns of a prediction."""
