"""The services of a bundle: what their declarations come to, and all of them as one product."""
