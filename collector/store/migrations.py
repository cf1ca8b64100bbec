"""The way from each schema version to the next; the first one leads from version 1 to 2.

Each is SQL that brings the tables on; the views are created anew afterwards. A migration that has
been released never changes. None so far: the schema is at version 1.
"""

from __future__ import annotations

Migration = str

MIGRATIONS: tuple[Migration, ...] = ()
