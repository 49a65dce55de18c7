"""What trials leave behind, and which of it counts."""
