"""What users can set: the options of a run and the settings of a check."""
