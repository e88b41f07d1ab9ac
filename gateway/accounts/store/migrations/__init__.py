"""How older databases become those of this version, by Alembic."""
