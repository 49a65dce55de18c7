"""How results are shown: columns and formats, tables, lists, figures, the report."""
