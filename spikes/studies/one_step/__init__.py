"""One giant step: spectrum, spikes, what they have learned and ridge errors, predicted and simulated."""
