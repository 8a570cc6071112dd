"""The parts of an evaluation: which model scores which objects, densities of all estimators, the report."""
