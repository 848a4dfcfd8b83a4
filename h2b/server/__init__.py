"""The server: sockets, connections, clocks and the end of it all. Everything here runs under trio."""
