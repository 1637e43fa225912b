"""Job files of the paper's set-ups, each with its source and its cost in its first lines."""
