"""The offline world of the demo and the tests."""
