"""A real single-node Kubernetes on a bare Debian machine: `python -m testbed up`. See docs/testbed.md."""
