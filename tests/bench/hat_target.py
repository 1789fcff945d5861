"""The server of hat-juggler that the benchmarks measure: the same requests as server/examples/load_target.rs."""

import argparse
import asyncio
import socket

from hat import json, juggler


def items(leaves):
    return {'items': {f'k{index}': {'v': 0, 't': 0, 'q': 'good', 'u': 'kW'} for index in range(leaves // 4)}}


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--listen', default='127.0.0.1:0')
    parser.add_argument('--autoflush-ms', type=int, default=200)
    options = parser.parse_args()
    host, port = options.listen.rsplit(':', 1)
    if int(port) == 0:
        with socket.create_server((host, 0)) as free:
            port = free.getsockname()[1]
    state = json.Storage()

    async def handle(connection, name, data):
        match name:
            case 'echo':
                return data
            case 'set':
                state.set(data['path'], data['value'])
            case 'init':
                state.set([], items(data['leaves']))
            case _:
                raise Exception(f'unknown request {name}')

    delay = options.autoflush_ms / 1000
    await juggler.listen(host, int(port), request_cb=handle, state=state, autoflush_delay=delay)
    print(f'ready at ws://{host}:{port}/ws', flush=True)
    await asyncio.Future()


asyncio.run(main())
