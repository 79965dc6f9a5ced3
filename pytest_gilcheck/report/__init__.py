"""Shows finished records: each reporter takes a document or a verdict, never the machinery that made it."""
