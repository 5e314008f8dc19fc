"""Spikes and density of features that are never stored, beside the theory."""
