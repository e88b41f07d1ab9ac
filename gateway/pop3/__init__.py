"""The rules of POP3, without I/O: events in, effects out.

`wire` makes lines of octets, `commands` makes commands of lines, `session` decides by
one table a state what a command or an event causes, `replies` and `capa` hold every
text that a client can read, `multiline` does byte-stuffing and listings.
"""
