"""What stored trials say: lines of the tables, intervals, verdicts, sentences. Never runs any."""
