"""What happened, and how it is told in a table."""
