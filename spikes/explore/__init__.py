"""A page of controls: theory follows a slider, simulation joins seed by seed. Needs the extra ``explore``."""
