"""What happens to a request before its view: Host and Origin, token, parsing, its scope."""
