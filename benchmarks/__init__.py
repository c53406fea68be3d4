"""Measurements on the test bed; `make bench` runs them."""
