"""Code shared by several services: TLS, an HTTP client, files with secrets."""
