"""How objects are shown: whole, as metadata, or as the rows that kubectl prints."""
