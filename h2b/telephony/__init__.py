"""SIP, SDP and RTP without sockets: bytes and times in, bytes and decisions out. Only for MRCPv2."""
