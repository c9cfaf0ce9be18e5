"""The system as its users meet it: its own processes, real cameras' protocols, real browsers."""
