"""Train a model: the chain from data sets to a folder that appears whole or not at all."""
