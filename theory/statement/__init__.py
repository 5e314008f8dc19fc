"""What a problem is: sizes, activation, target, noise, step and ridge. No formula of the theory."""
