"""Distances, neighbours and clusters of points; nothing here knows what a label is."""
