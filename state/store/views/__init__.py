"""Reading for pages and lists; nothing here writes."""
