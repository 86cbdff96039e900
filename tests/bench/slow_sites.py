"""Sites that make a relay wait: what tests/bench/sites sends mail to beside a healthy one."""
import asyncio
import threading


async def hang(reader, writer):
    """Accepts the connection and never says a word."""
    while await reader.read(4096):
        pass


async def refuse(reader, writer):
    """Greets with 421."""
    writer.write(b"421 4.3.2 too busy, come back later\r\n")
    await writer.drain()


async def tarpit(reader, writer):
    """Takes mail, but every reply comes at an octet a second."""

    async def say(line):
        for octet in (line + "\r\n").encode():
            writer.write(bytes([octet]))
            await writer.drain()
            await asyncio.sleep(1)

    await say("220 hi")
    in_data = False
    while line := await reader.readline():
        if in_data:
            if line != b".\r\n":
                continue
            in_data = False
        verb = line[:4].upper()
        in_data = verb == b"DATA"
        await say("354 go" if in_data else "250 ok")


class SlowSites:
    """Servers of these kinds on loopback, `address[kind]`, on a thread of their own until close()."""
    kinds = {"hang": hang, "refuse": refuse, "tarpit": tarpit}

    def __init__(self):
        self.address = {}
        self.connections = dict.fromkeys(self.kinds, 0)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        for kind in self.kinds:
            asyncio.run_coroutine_threadsafe(self._listen(kind), self._loop).result(10)

    async def _listen(self, kind):
        async def serve(reader, writer):
            self.connections[kind] += 1
            try:
                await self.kinds[kind](reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1024)
        host, port = server.sockets[0].getsockname()
        self.address[kind] = f"{host}:{port}"

    async def _end(self):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self):
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
