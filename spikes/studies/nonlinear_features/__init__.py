"""Steps of size n^alpha: number of spikes, their positions, and the terms that the features are made of."""
