"""The promises, measured: each beside a peer in the same run, on the machine at hand."""
