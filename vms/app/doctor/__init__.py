"""`vms doctor`: whether this machine can carry the system, and what to do where it can't."""
