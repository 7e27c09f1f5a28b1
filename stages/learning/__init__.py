"""One model's training, from the labels bought to its history: at once, or in rounds."""
