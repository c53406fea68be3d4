"""`python -m kubectl_pintle`, which is what `kubectl pintle` runs."""

import sys

from kubectl_pintle.cli import main

if __name__ == "__main__":
    sys.exit(main())
