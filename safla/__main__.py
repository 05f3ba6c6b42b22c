"""`python -m safla` is `safla`; signals are answered before the first import that takes a while."""

import sys

from safla.runtime import interrupt


def main() -> int:
    """Run the command line as this process. Returns its exit code."""
    interrupt.answered()
    from safla import cli

    code = cli.main()
    interrupt.ignored()
    return code


if __name__ == "__main__":
    sys.exit(main())
