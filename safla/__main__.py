"""`python -m safla` is `safla`."""

import sys

from safla.cli import main

sys.exit(main())
