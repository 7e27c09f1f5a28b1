"""What is wrong with the data: repeated pictures, odd ones, and labels that are probably wrong.

One idea a file: `looks` measures single pictures, `space` knows whose features are neighbours, `repeats` finds nearly
equal pictures, `suspects` finds labels to look at again, `report` puts all of it together. Labels are seen here, after
all choices; nothing here has a say in what is trained.
"""
