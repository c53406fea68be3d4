"""Pintle's serving runtime: fetches a pinned MLflow model, installs its packages, proves and serves it."""

__version__ = "0.1.0"
