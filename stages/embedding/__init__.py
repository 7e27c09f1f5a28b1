"""What frozen encoders make of images, each image embedded once."""
