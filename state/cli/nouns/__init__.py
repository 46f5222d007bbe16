"""The commands of each noun, all with the same verbs: create, list, show, delete."""
