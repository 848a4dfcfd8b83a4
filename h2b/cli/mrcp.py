"""`h2b mrcp`: the verbs for who works on MRCPv2."""

from h2b.cli.main import Verbs
from h2b.cli.mrcpcall import call
from h2b.cli.mrcptrace import trace

mrcp = Verbs("mrcp", help="Call a speech server by SIP and MRCPv2, and read captures of such calls.")
mrcp.add_command(call, "call")
mrcp.add_command(trace, "trace")
