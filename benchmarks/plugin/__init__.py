"""What the plugin costs runs that check nothing."""
