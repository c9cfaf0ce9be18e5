"""`python -m vms` is `vms`."""

from vms.cli import main

if __name__ == "__main__":
    main()
