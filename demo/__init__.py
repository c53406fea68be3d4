"""The demo: `python -m demo`, and the traffic that it, the tests and the benchmarks send."""
