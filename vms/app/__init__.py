"""The composition root: the only room that knows all the others, and only to wire them.

`site` opens what every command needs, `roles` is what each process runs, `up` keeps the processes
running, `reload` follows cameras.toml, `screen` shows how it goes on a terminal.
"""
