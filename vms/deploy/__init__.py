"""What an installation copies from here: the systemd unit, the container file, proxies' examples.

They lie in the package, so that who installs it from a wheel has them too (docs/install.md).
"""
