"""What every room may lean on: errors for people, whole files, members found by name, excerpts of modules."""
