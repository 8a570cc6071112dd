"""Prediction: stamps are cut, densities made and kept, dust and flags told, columns written."""
