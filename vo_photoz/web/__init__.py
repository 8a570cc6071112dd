"""The local page and the pictures of p(z)."""
