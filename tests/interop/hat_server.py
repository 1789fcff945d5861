"""A server of hat-juggler at the tests' command. It ends with its standard input."""

import asyncio
import socket
import sys

from hat import json, juggler


async def main(port=0, data=None, **options):
    if port == 0:
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
    state = json.Storage(data)

    async def handle(connection, name, data):
        match name:
            case 'set':
                state.set([], data)
            case 'snapshot':
                return json.encode(state.data)
            case 'notify':
                for item in data['items']:
                    await connection.notify(data['name'], item)
            case 'fail':
                raise Exception(data)
            case 'close':
                connection.close()
            case 'never':
                await asyncio.Future()
            case _:
                raise Exception(f'unknown request {name}')

    await juggler.listen('127.0.0.1', port, request_cb=handle, state=state, **options)
    print(f'ready at ws://127.0.0.1:{port}/ws')
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main(**json.decode(sys.argv[1])))
