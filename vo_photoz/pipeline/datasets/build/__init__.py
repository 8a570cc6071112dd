"""Build a training set by a recipe, step by step, each kept on disk."""
