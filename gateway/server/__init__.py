"""The street door: everything that touches the clients' sockets."""
