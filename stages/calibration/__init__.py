"""How far a model's guesses can be trusted: probabilities that mean what they say, and which to accept."""
