"""What services of several kinds share: TLS, HTTP as a client, files that hold a secret."""
