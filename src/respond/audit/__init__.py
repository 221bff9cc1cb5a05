"""The journal's written format, and everything that checks it.

Nothing here imports the engine, the adapters or ``respond.core``: somebody who doubts us can read
this folder alone. It needs the standard library, and ``cryptography`` where signatures are checked.
``docs/journal-format.md`` describes the same format in words.
"""
