"""Archives: ADQL queries and the TAP services that run them."""
