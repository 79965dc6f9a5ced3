"""What a user can say: options, settings of one check, the marker, the fixtures."""
