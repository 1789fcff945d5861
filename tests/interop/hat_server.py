"""A server of hat-juggler at the tests' command. It ends with its standard input."""

import asyncio
import socket
import ssl
import sys

from hat import json, juggler


async def main(port=0, data=None, own=False, identity=None, **options):
    """With `own` each connection has a state of its own, which begins as `data`. With `identity`, the files of a
    certificate and its key, it speaks TLS."""
    if port == 0:
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
    if identity:
        options['ssl_ctx'] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        options['ssl_ctx'].load_cert_chain(*identity)
    if own:
        options['connection_cb'] = lambda connection: connection.state.set([], data)
    else:
        options['state'] = json.Storage(data)

    async def handle(connection, name, data):
        match name:
            case 'set':
                connection.state.set([], data)
            case 'flush':
                await connection.flush()
            case 'snapshot':
                return json.encode(connection.state.data)
            case 'notify':
                for item in data['items']:
                    await connection.notify(data['name'], item)
            case 'fail':
                raise Exception(data)
            case 'close':
                connection.close()
            case 'sleep':
                await asyncio.sleep(data['milliseconds'] / 1000)
            case 'never':
                await asyncio.Future()
            case _:
                raise Exception(f'unknown request {name}')

    await juggler.listen('127.0.0.1', port, request_cb=handle, **options)
    print(f'ready at {"wss://localhost" if identity else "ws://127.0.0.1"}:{port}/ws')
    await asyncio.to_thread(sys.stdin.read)


asyncio.run(main(**json.decode(sys.argv[1])))
