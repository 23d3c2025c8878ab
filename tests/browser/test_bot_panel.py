"""The bots on the dashboard, through every control: a real server, its paper venue and its embedded exchange."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from playwright.async_api import Page, WebSocketRoute, expect

from tests.browser.conftest import NOTEBOOKS, PATIENCE_S, OpenScreen, Screen, until
from tests.server.conftest import TOKEN, Child

pytestmark = pytest.mark.browser

RIGHT = {"Authorization": f"token {TOKEN}"}
GRID = {"strategy": "GridMaker", "params": {"levels": 2, "size": "0.010"}}


@pytest.fixture(scope="module")
def address(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served dashboard on the embedded exchange."""
    folder = tmp_path_factory.mktemp("bots")
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser", "--base-url", "/desk/"]
    command += ["--source", "sim?seed=7&symbols=3", "--notebook", str(NOTEBOOKS / "dashboard.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    environment["ORDERFOX_RECORDING"] = "1"  # what a replay reads
    child = Child(command, "OrderFox is at", folder / "log", environment)
    yield next(line for line in child.text.splitlines() if "OrderFox is at" in line).split()[3]
    child.leave()


@pytest_asyncio.fixture(loop_scope="session")
async def api(address: str) -> AsyncIterator[ClientSession]:
    """Asks the server's routes with its token; stops every bot at the end."""
    async with ClientSession(f"{address}api/v1/", headers=RIGHT, raise_for_status=True) as session:
        yield session
        async with session.get("bots?page_size=100") as answer:
            bots = (await answer.json())["bots"]
        for bot in bots:
            await session.delete(f"bots/{bot['id']}")


async def make(api: ClientSession, **values: Any) -> str:
    """Create a bot and return its id."""
    async with api.post("bots", json={"symbol": "BTCUSDT", "isActive": False, **values}) as answer:
        return (await answer.json())["id"]


@pytest.fixture
def open_bots(address: str, open_screen: OpenScreen) -> Any:
    """Opens the page of bots, and enters the token unless ``unlocked`` is false."""

    @asynccontextmanager
    async def opened(*, unlocked: bool = True, **options: Any) -> AsyncIterator[Screen]:
        opening: AbstractAsyncContextManager[Screen] = open_screen(f"{address}?layout=bots", **options)
        async with opening as screen:
            panel = screen.page.locator(".of-bots")
            await expect(panel).to_have_attribute("data-state", "live")
            if unlocked:
                await unlock(screen.page, TOKEN)
                await expect(panel).to_have_attribute("data-writable", "true")
            yield screen

    return opened


async def unlock(page: Page, token: str) -> None:
    await page.fill(".of-bot-access .of-form-input", token)
    await page.press(".of-bot-access .of-form-input", "Enter")


async def wait_state(page: Page, bot: str, state: str) -> None:
    await expect(page.locator(f'.of-bot-row[data-id="{bot}"]')).to_have_attribute("data-state", state)


async def choose(page: Page, bot: str) -> None:
    await page.click(f'.of-bot-row[data-id="{bot}"] .of-bot-choose')
    await expect(page.locator(".of-bot-detail")).to_have_attribute("data-bot", bot)


async def test_a_page_that_shows_no_bots_asks_nothing_of_them(address: str, open_screen: OpenScreen):
    asked = "performance.getEntriesByType('resource').filter((one) => one.name.includes('/api/v1/bots')).length"
    async with open_screen(address) as screen:
        await screen.wait_live()
        await screen.wait_frames("chart", 3)
        assert await screen.page.evaluate(asked) == 0
        assert "sim/*/bots" not in await screen.link("[...link.byKey.keys()]")
        await screen.page.evaluate("document.querySelector('.of-book').focus()")
        for _ in range(3):
            await screen.page.keyboard.press("l")
        await until(screen.page, f"{asked} === 1")
        screen.check_clean()


async def test_a_page_that_may_only_look_says_so_and_the_token_unlocks_it(api: ClientSession, open_bots: Any):
    bot = await make(api, name="looked at")
    async with open_bots(unlocked=False) as screen:
        page = screen.page
        await expect(page.locator(".of-paper")).to_have_text("PAPER")
        await expect(page.locator(".of-bots .of-source")).to_have_text("SIMULATED")
        await expect(page.locator(".of-bot-access")).to_contain_text("Read-only")
        row = page.locator(f'.of-bot-row[data-id="{bot}"]')
        for control in (page.locator("[data-act=new]"), page.locator("[data-act=kill]"), row.locator(".of-small")):
            await expect(control).to_be_disabled()
        for name in ("switch", "edit", "delete"):
            await expect(page.locator(f".of-bot-detail [data-act={name}]")).to_be_disabled()
        await page.click("[data-name=parity]")
        await expect(page.locator(".of-tab-page:not([hidden]) .of-bot-check")).to_contain_text("unlock first")
        screen.errors.clear()  # the browser logs the refusal
        await unlock(page, "wrong")
        await expect(page.locator(".of-bot-access")).to_contain_text("not the server's token")
        await expect(page.locator("[data-act=new]")).to_be_disabled()
        await unlock(page, TOKEN)
        await expect(page.locator(".of-bot-access")).to_be_hidden()
        await expect(page.locator("[data-act=new]")).to_be_enabled()
        assert TOKEN not in page.url
        screen.check_clean()


async def test_a_missing_answer_is_not_said_any_more_once_the_server_is_there_again(
    api: ClientSession, address: str, open_screen: OpenScreen
):
    bot = await make(api, name="asked in vain", **GRID)
    sockets: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    async with open_screen("about:blank") as screen:
        page = screen.page
        await page.route_web_socket("**/ws/live", through)
        await page.route("**/status?is_active=*", lambda route: route.abort())
        await page.goto(f"{address}?layout=bots")
        panel, failed = page.locator(".of-bots"), page.locator(".of-bot-failed")
        await expect(panel).to_have_attribute("data-state", "live")
        await unlock(page, TOKEN)
        await expect(panel).to_have_attribute("data-writable", "true")
        await page.click(f'.of-bot-row[data-id="{bot}"] .of-bot-switch button')
        await expect(failed).to_have_text("The server does not answer")
        await sockets[-1].close()
        await expect(failed).to_be_hidden()
        await expect(panel).to_have_attribute("data-state", "live")


async def test_a_bot_is_created_with_what_is_wrong_said_at_its_field(api: ClientSession, open_bots: Any):
    async with open_bots() as screen:
        page = screen.page
        await page.click("[data-act=new]")
        form = page.locator(".of-bot-form")
        field = lambda name: form.locator(f'.of-form-field[data-name="{name}"]')  # noqa: E731
        problem = lambda name: field(name).locator(".of-form-problem")  # noqa: E731
        await form.locator("[type=submit]").click()
        await expect(problem("name")).to_have_text("Give the bot a name.")
        await field("name").locator("input").fill("<b>Grid</b> & co")
        await expect(problem("name")).to_be_hidden()
        await field("symbol").locator("input").fill("nothinglikeit")
        await expect(problem("symbol")).to_contain_text("No symbol matches")
        await field("symbol").locator("input").fill("eth")
        await expect(form.locator(".of-choice").first).to_have_text("ETHUSDT")
        await field("symbol").locator("input").press("Enter")
        await expect(field("symbol").locator("input")).to_have_value("ETHUSDT")
        await field("strategy").locator("select").select_option("GridMaker")
        await expect(field("levels").locator(".of-form-hint")).to_have_text("1 to 50")
        await expect(field("size").locator(".of-form-unit")).to_have_text("ETH")
        await expect(field("step").locator(".of-form-unit")).to_have_text("ticks")
        await field("levels").locator("input").fill("51")
        await form.locator("[type=submit]").click()
        await expect(problem("levels")).to_contain_text("Must be a whole number of at least 1 and of at most 50")
        await expect(field("levels").locator("input")).to_be_focused()
        await field("levels").locator("input").fill("3")
        await field("isActive").locator("input").uncheck()
        await form.locator("[type=submit]").click()
        await expect(form).to_have_count(0)
        await expect(page.locator(".of-bot-row .of-bot-choose")).to_have_text("<b>Grid</b> & co")
        assert await page.locator(".of-bots b:text-is('Grid')").count() == 0, "a name is text"
        async with api.get("bots") as answer:
            (bot,) = (await answer.json())["bots"]
        assert (bot["symbol"], bot["strategy"], bot["isActive"]) == ("ETHUSDT", "GridMaker", False)
        assert (bot["params"]["levels"], bot["params"]["size"]) == (3, "0.010")
        await wait_state(page, bot["id"], "stopped")
        screen.check_clean()


async def test_orders_of_a_running_bot_stand_in_table_ladder_and_chart(api: ClientSession, open_bots: Any):
    bot = await make(api, name="quotes", **GRID)
    async with open_bots() as screen:
        page = screen.page
        await choose(page, bot)
        await page.click(".of-bot-detail [data-act=switch]")
        await wait_state(page, bot, "running")
        await page.wait_for_selector(".of-bot-detail [data-rows]:not([data-rows='0']) .of-table .of-whole-rows .of-row")
        await page.wait_for_selector(".of-ladder .of-own")
        await until(page, "Number(document.querySelector('.of-chart').dataset.orders) > 0")
        await page.click("[data-name=log]")
        await page.wait_for_selector(".of-bot-line")
        # What it trades stays while it is active; its name does not.
        await page.click(".of-bot-detail [data-act=edit]")
        for name in ("symbol", "strategy", "levels"):
            await expect(page.locator(f'.of-form-field[data-name="{name}"] .of-form-input')).to_be_disabled()
        await page.fill('.of-form-field[data-name="name"] input', "renamed")
        await page.click(".of-bot-form [type=submit]")
        await expect(page.locator(f'.of-bot-row[data-id="{bot}"] .of-bot-choose')).to_have_text("renamed")
        await page.click(f'.of-bot-row[data-id="{bot}"] .of-bot-switch button')
        await wait_state(page, bot, "stopped")
        await expect(page.locator(".of-ladder .of-own")).to_have_count(0)
        await until(page, "document.querySelector('.of-chart').dataset.orders === '0'")
        screen.check_clean()


async def test_fills_are_in_the_table_and_on_the_chart_of_the_bot_s_own_market(api: ClientSession, open_bots: Any):
    order = {"symbol": "ETHUSDT", "side": "buy", "amount": 0.05}
    async with asyncio.timeout(PATIENCE_S):
        # The data of a new bot may not be whole within the time of one request where the machine is busy.
        while (answer := await api.post("trade", json=order, raise_for_status=False)).status == 503:
            answer.release()
    assert answer.status == 200, await answer.text()
    traded = await answer.json()
    async with open_bots() as screen:
        page = screen.page
        await choose(page, traded["botId"])
        await expect(page.locator(".of-picker-name")).to_have_text("ETH/USDT")
        await page.click("[data-name=fills]")
        await page.wait_for_selector(".of-bot-detail .of-tab-page:not([hidden]) .of-row:has-text('buy')")
        await until(page, "Number(document.querySelector('.of-chart').dataset.fills) > 0")
        await expect(page.locator(".of-bot-figures")).to_contain_text("0.05")
        await until(page, "Number(document.querySelector('.of-equity').dataset.moments) > 0")
        # They stand on the strip of what is recorded, and on the chart of a time after them.
        await until(page, "Number(document.querySelector('.of-rewind-strip').dataset.fills) > 0")
        await page.click(".of-rewind > .of-rewind-button")
        await page.wait_for_selector(".of-rewind[data-mode=past]")
        await page.fill(".of-rewind-time", "-1s")
        await page.press(".of-rewind-time", "Enter")
        await page.wait_for_selector(".of-chart .of-past:not([hidden])")
        await until(page, "Number(document.querySelector('.of-chart').dataset.fills) > 0")
        await until(page, "Number(document.querySelector('.of-rewind-near').dataset.fills) > 0")
        await page.click(".of-rewind-live")
        screen.check_clean()


async def test_report_and_parity_of_a_run_are_one_click_away(api: ClientSession, open_bots: Any):
    name = "<b>quick</b>"
    bot = await make(api, name=name, isActive=True, **GRID)
    unused = await make(api, name="unused", strategy="GridMaker")
    async with open_bots() as screen:
        page = screen.page
        await choose(page, bot)
        await wait_state(page, bot, "running")
        await page.wait_for_selector(".of-bot-detail [data-rows]:not([data-rows='0']) .of-table .of-whole-rows .of-row")
        # The answer comes once the run is saved, which is what is compared.
        await api.patch(f"bots/{bot}/status?is_active=false")
        await wait_state(page, bot, "stopped")
        shown = page.locator(".of-tab-page:not([hidden]) .of-bot-check")
        await page.click("[data-name=parity]")
        await expect(shown).to_have_attribute("data-check", "found", timeout=60_000)
        await expect(shown.get_by_role("status")).to_contain_text("Identical")
        await expect(shown.locator(".of-bot-difference")).to_have_count(0)
        # What a replay does differently is named, as text.
        fill = {"cause": "fill", "number": 3, "time": 0, "what": "a fill with another <b>price</b>", "first": "1"}
        changed = {"same": False, "orders": 4, "fills": 2, "start": 0, "end": 1, "more": 5, "notes": []}
        changed["differences"] = [{**fill, "second": "2"}]
        await page.route("**/parity", lambda route: route.fulfill(json=changed))
        await shown.get_by_role("button").click()
        await expect(shown.get_by_role("status")).to_contain_text("6 differences")
        await expect(shown.locator(".of-bot-difference")).to_contain_text("fill: a fill with another <b>price</b>")
        await page.unroute("**/parity")
        await page.click("[data-name=report]")
        await expect(shown).to_have_attribute("data-check", "found", timeout=60_000)
        await expect(shown.locator("dt:text-is('Max drawdown') + dd")).not_to_be_empty()
        async with page.context.expect_page() as opened:
            await shown.locator("a").click()
        report = await opened.value
        await expect(report.locator("h2")).to_have_text("GridMaker on BTCUSDT")
        await expect(report.locator("main")).to_contain_text(name)
        await expect(report.locator("svg")).to_be_visible()
        await report.close()
        screen.check_clean()
        # A bot that never ran has neither, and the panel says what to do.
        await choose(page, unused)
        await page.click("[data-name=report]")
        await expect(shown).to_have_attribute("data-check", "failed", timeout=60_000)
        await expect(shown.get_by_role("status")).to_contain_text("Start it")


async def test_the_kill_switch_asks_and_stops_every_bot(api: ClientSession, open_bots: Any):
    bots = [await make(api, name=f"one of {at}", isActive=True, **GRID) for at in range(2)]
    async with open_bots() as screen:
        page = screen.page
        for bot in bots:
            await wait_state(page, bot, "running")
        await page.click("[data-act=kill]")
        await expect(page.locator(".of-bot-question")).to_contain_text("Positions stay")
        await page.click(".of-bot-question button:text-is('Cancel')")
        await expect(page.locator(".of-bot-question")).to_be_hidden()
        await page.click("[data-act=kill]")
        await page.click(".of-bot-question .of-danger")
        for bot in bots:
            await wait_state(page, bot, "stopped")
        await expect(page.locator("[data-act=kill]")).to_be_disabled()
        screen.check_clean()


async def test_a_bot_is_deleted_after_a_question(api: ClientSession, open_bots: Any):
    kept, gone = await make(api, name="kept"), await make(api, name="gone")
    async with open_bots() as screen:
        page = screen.page
        await choose(page, gone)
        await page.click(".of-bot-detail [data-act=delete]")
        await expect(page.locator(".of-bot-question")).to_contain_text("“gone”")
        await page.click(".of-bot-question .of-danger")
        await expect(page.locator(f'.of-bot-row[data-id="{gone}"]')).to_have_count(0)
        await expect(page.locator(".of-bot-detail")).to_have_attribute("data-bot", kept)
        screen.check_clean()
