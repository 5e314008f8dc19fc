"""Theory beside simulation, one folder a subject: study, figure and table of each."""
