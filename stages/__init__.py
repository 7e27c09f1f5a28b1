"""Which images to label, and how to learn from them."""
