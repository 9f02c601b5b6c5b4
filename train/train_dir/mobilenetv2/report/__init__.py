"""report.html and the other files that a run writes beside the checkpoint."""
