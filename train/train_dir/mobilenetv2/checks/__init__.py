"""Checks of a data set: one module for each kind of finding, and `issues` with a table of all kinds."""
