"""Container images without a registry: what they are built from, and how they come into the cluster."""
