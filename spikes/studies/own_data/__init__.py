"""One giant step on a user's own inputs."""
