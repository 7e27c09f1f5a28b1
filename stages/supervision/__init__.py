"""What a model is shown and told, and when: the budget, the schedule, the rounds."""
