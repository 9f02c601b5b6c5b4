"""What can be wrong with a data set: one file a kind of finding, one table of all of them."""
