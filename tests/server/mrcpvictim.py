"""A client that makes three calls, begins a recognition in each, says so, and waits to be killed."""

import sys

import trio
from mrcpclient import a_phone


async def main(address: str) -> None:
    async with a_phone(address) as phone:
        first = await phone.dial()
        second = await phone.dial(link=first.link)
        third = await phone.dial()
        for call in (first, second, third):
            await call.recognise(No_Input_Timeout="60000")
        sys.stdout.write("recognising\n")
        sys.stdout.flush()
        await trio.sleep_forever()


trio.run(main, sys.argv[1])
