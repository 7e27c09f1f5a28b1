"""What knows this project: its parameters, its files, its results. Only stages import this room."""
