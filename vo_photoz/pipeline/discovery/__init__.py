"""The chain of a discovery: a part of the sky or candidates in, sources ranked by P(z > z_min) out."""
