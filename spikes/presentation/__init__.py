"""How results are shown: what figures and tables of all subjects share."""
