"""A web server, a client, and a heartbeat that shows how long the event loop stands still."""

import asyncio
import contextlib
import ctypes
import time

import aiohttp
from aiohttp import web

#: The C library's sleep stands for a native function that works for this long. CDLL releases the GIL, PyDLL holds it.
releasing = ctypes.CDLL(None).usleep
holding = ctypes.PyDLL(None).usleep


async def page(request):
    """Answer with a page that has its number as its title."""
    number = request.match_info["number"]
    return web.Response(text=f"<title>{number}</title>", content_type="text/html")


@contextlib.asynccontextmanager
async def server():
    """Serve pages on this machine alone, at a free port. Give the address."""
    app = web.Application()
    app.router.add_get("/{number}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def fetch_titles(address, n_pages):
    """Return the titles of that many pages, all fetched at the same time."""

    async def title(session, number):
        async with session.get(f"{address}/{number}") as response:
            text = await response.text()
            return text.removeprefix("<title>").removesuffix("</title>")

    async with aiohttp.ClientSession() as session:
        return await asyncio.gather(*(title(session, number) for number in range(n_pages)))


async def longest_stall(work):
    """Return for how many seconds, at the longest, the loop ran nothing while this coroutine was awaited."""
    longest, last = 0.0, time.perf_counter()

    async def beat():
        nonlocal longest, last
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    heart = asyncio.create_task(beat())
    await asyncio.sleep(0.01)
    await work
    await asyncio.sleep(0.01)
    heart.cancel()
    return longest


async def directly(function, us):
    """Call a function of the C library in the loop's own thread."""
    return function(us)


async def main():
    """Print how a thousand pages arrive, and how long the loop stands still in each of the ways to wait 200 ms."""
    async with server() as address:
        titles = await fetch_titles(address, 1_000)
        print(f"{len(titles)} pages, the last one is {titles[-1]}")
    for name, work in {
        "holds, in the loop": directly(holding, 200_000),
        "releases, in the loop": directly(releasing, 200_000),
        "holds, to_thread": asyncio.to_thread(holding, 200_000),
        "releases, to_thread": asyncio.to_thread(releasing, 200_000),
    }.items():
        print(f"{name:22} the loop stands still for {1000 * await longest_stall(work):4.0f} ms")


if __name__ == "__main__":
    asyncio.run(main())
