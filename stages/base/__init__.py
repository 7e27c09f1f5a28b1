"""What every room may lean on: errors for people, files that are whole or not there, members found by name."""
