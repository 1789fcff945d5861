"""A client of hat-juggler at the tests' command: one JSON object a line in, one a line out."""

import asyncio
import collections
import json
import sys

import aiohttp

from hat import juggler

# Far above any line that a test writes.
MAX_LINE = 64 << 20


class Segments:
    """Counts the segments that pass, by their header."""

    def __init__(self):
        self.sent = collections.Counter()
        self.received = collections.Counter()
        socket = aiohttp.ClientWebSocketResponse
        send_str, receive = socket.send_str, socket.receive

        async def counted_send_str(ws, data, *args, **kwargs):
            self.sent[data[0]] += 1
            return await send_str(ws, data, *args, **kwargs)

        async def counted_receive(ws, *args, **kwargs):
            message = await receive(ws, *args, **kwargs)
            if message.type == aiohttp.WSMsgType.TEXT:
                self.received[message.data[0]] += 1
            return message

        socket.send_str, socket.receive = counted_send_str, counted_receive


async def main(address, **options):
    segments = Segments()
    notifications = []

    def notified(_, name, data):
        notifications.append([name, data])

    client = await juggler.connect(address, notified, **options)
    print(f'ready at {address}')

    async def carry_out(command):
        match command['do']:
            case 'send':
                try:
                    return {'done': await client.send(command['name'], command['data'])}
                except juggler.JugglerError as error:
                    return {'refused': error.data}
                except ConnectionError:
                    return {'lost': True}
            case 'state':
                return {'done': client.state.data}
            case 'notifications':
                return {'done': notifications}
            case 'segments':
                return {'done': {'sent': segments.sent, 'received': segments.received}}

    async def answer(command):
        print(json.dumps({'id': command['id'], **await carry_out(command)}))

    reader = asyncio.StreamReader(limit=MAX_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main(**json.loads(sys.argv[1])))
