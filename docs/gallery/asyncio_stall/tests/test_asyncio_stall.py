"""`asyncio.to_thread` helps a call that releases the GIL, and no other. The tests ask for the GIL, not for the time."""

import asyncio
import time

import pytest

pytest.importorskip("aiohttp", reason="install aiohttp")
import app

US = 20_000


def test_a_thousand_pages_arrive():
    async def fetch():
        async with app.server() as address:
            return await app.fetch_titles(address, 1_000)

    assert asyncio.run(fetch()) == [str(number) for number in range(1_000)]


def test_what_releases_the_gil_may_run_in_a_thread(gilcheck):
    assert gilcheck.options(overlap=False)(app.releasing, US).released


def test_what_holds_the_gil_stalls_the_loop_from_any_thread(gilcheck):
    verdict = gilcheck.options(overlap=False)(app.holding, US)

    assert verdict.held
    assert "sleeps-while-holding" in verdict.reasons


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: app.directly(app.holding, 100_000), id="holds, in the loop"),
        pytest.param(lambda: app.directly(app.releasing, 100_000), id="releases, in the loop"),
        pytest.param(lambda: asyncio.to_thread(app.holding, 100_000), id="holds, to_thread"),
    ],
)
def test_the_loop_stands_still_for_the_whole_call(work):
    """A busy machine can only make it longer."""
    assert asyncio.run(app.longest_stall(work())) >= 0.099


def test_to_thread_lets_the_loop_run_beside_a_call_that_releases():
    beats, during = [], []

    def call():
        during.append(time.perf_counter())
        app.releasing(300_000)
        during.append(time.perf_counter())

    async def beat():
        while True:
            beats.append(time.perf_counter())
            await asyncio.sleep(0.001)

    async def run():
        heart = asyncio.create_task(beat())
        await asyncio.to_thread(call)
        heart.cancel()

    asyncio.run(run())
    start, end = during

    # Beside a call that holds the GIL at most two fit in: one before it begins, one after it has ended.
    assert sum(start < at < end for at in beats) > 2
