"""How large a page of many checks is, and how fast a browser opens and sorts it."""
