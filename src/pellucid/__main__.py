"""`python -m pellucid` is the same as `pellucid`."""

import sys

from pellucid.interfaces.cli import main

sys.exit(main())
