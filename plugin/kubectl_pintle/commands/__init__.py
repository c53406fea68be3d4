"""One module for each command: what it reads, what it writes, what it prints."""
