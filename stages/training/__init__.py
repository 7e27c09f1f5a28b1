"""The loop, and what it needs: schedules, augmentation, checkpoints, device and precision."""
