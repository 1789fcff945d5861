"""A client of hat-juggler at the tests' command: one JSON object a line in, one a line out."""

import asyncio
import json
import ssl
import sys

import aiohttp

from hat import juggler

# Far above any line that a test writes.
MAX_LINE = 64 << 20


async def main(address, user=None, password=None, ca=None, **options):
    if user is not None:
        options['auth'] = aiohttp.BasicAuth(user, password)
    if address.startswith('wss:'):
        options['ssl_ctx'] = ssl.create_default_context(cadata=ca)
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
