"""Local catalogues: matching and merging on the sky."""
