"""The services of a bundle: what their declarations mean, and all of them as one product."""
