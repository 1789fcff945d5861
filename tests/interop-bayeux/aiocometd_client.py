"""aiocometd's client at the tests' command: one JSON object a line in, one a line out."""

import asyncio
import importlib
import json
import sys
import types


class Loopless(types.ModuleType):
    """`asyncio` as Python had it until 3.9, when its parts could be told their loop."""

    def __init__(self, *names):
        super().__init__('asyncio')
        self.__dict__.update({name: self._drop(getattr(asyncio, name)) for name in names})

    def __getattr__(self, name):
        return getattr(asyncio, name)

    @staticmethod
    def _drop(function):
        return lambda *arguments, loop=None, **options: function(*arguments, **options)


def repair():
    """Has the package see that. Of 2019, it tells everything its loop."""
    loopless = Loopless('Queue', 'Semaphore', 'Event', 'Condition', 'sleep', 'wait', 'wait_for')
    for name in ('client', 'utils', 'transports.base', 'transports.long_polling', 'transports.websocket'):
        importlib.import_module(f'aiocometd.{name}').asyncio = loopless


async def main(address, transport, patience):
    from aiocometd import Client, ConnectionType, Extension
    from aiocometd.constants import TransportState
    from aiocometd.exceptions import AiocometdException, ServerError

    class Counter(Extension):
        """Counts the sessions, which the client does not tell."""

        sessions = 0

        async def incoming(self, payload, headers=None):
            self.sessions += sum(1 for it in payload if it.get('channel') == '/meta/handshake' and it.get('successful'))

        async def outgoing(self, payload, headers):
            pass

    counter = Counter()
    client = Client(address, ConnectionType(transport), connection_timeout=0, extensions=[counter])
    await client.open()
    messages = []

    async def receive():
        async for message in client:
            messages.append([message['channel'], message['data']])

    receiving = asyncio.create_task(receive())
    print(f'ready at {address}')

    async def carry_out(command):
        match command['do']:
            case 'subscribe':
                await client.subscribe(command['channel'])
            case 'unsubscribe':
                await client.unsubscribe(command['channel'])
            case 'publish':
                await client.publish(command['channel'], command['data'])
            case 'batch':
                # It sends one message at a time.
                for step in command['steps']:
                    await carry_out(step)
            case 'messages':
                return messages
            case 'status':
                is_connected = client._transport.state == TransportState.CONNECTED
                return {'transport': client.connection_type.value, 'isConnected': is_connected, 'sessions': counter.sessions}
            case 'disconnect':
                await client.close()
                receiving.cancel()
        return None

    async def answer(command):
        try:
            result = {'done': await carry_out(command)}
        except ServerError as error:
            result = {'refused': error.error}
        except AiocometdException as error:
            result = {'refused': f'lost: {error}'}
        print(json.dumps({'id': command['id'], **result}))

    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


repair()
asyncio.run(main(**json.loads(sys.argv[1])))
