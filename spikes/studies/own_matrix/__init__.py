"""The spectrum of a user's own matrix."""
