"""Giant steps: what a target offers, one step, several steps, and the learning curve."""
