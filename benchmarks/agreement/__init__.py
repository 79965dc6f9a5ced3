"""What comparing under competition costs, and whether a race is always caught."""
