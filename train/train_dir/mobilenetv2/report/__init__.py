"""report.html and the other files that a run leaves beside the checkpoint."""
