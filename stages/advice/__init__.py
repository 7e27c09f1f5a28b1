"""How many more labels a point of accuracy takes."""
