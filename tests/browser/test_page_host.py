"""How a page without a kernel is shown: panels alone without Voila's application, everything else by it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests.browser.conftest import TOKEN, Child, OpenScreen, until

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def mixed(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page that Voila's application shows: a dashboard, and a button of ipywidgets."""
    del chromium
    folder = tmp_path_factory.mktemp("mixed")
    sources = [
        "from ipywidgets import Button\nfrom orderfox_nb.widgets import Dashboard\nButton(description='run')",
        "Dashboard()",
    ]
    cells = [new_code_cell(source) for source in sources]
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), folder / "mixed.ipynb")
    command = [sys.executable, "-m", "orderfox_nb.cli", "serve", "--port", "0", "--no-browser"]
    command += ["--source", "sim?seed=7&symbols=4", "--notebook", str(folder / "mixed.ipynb")]
    environment = {"ORDERFOX_DATA_DIR": str(folder), "ORDERFOX_TOKEN": TOKEN, "PYTHONUNBUFFERED": "1"}
    child = Child(command, "OrderFox is at", folder / "log", environment)
    yield next(line for line in child.text.splitlines() if "OrderFox is at" in line).split()[3]
    child.leave()


async def test_a_page_of_panels_loads_no_application(served: str, open_screen: OpenScreen):
    async with open_screen(served) as screen:
        await screen.wait_live("chart", "book", "tape", "liquidations")
        assert await screen.page.evaluate("globalThis.jupyterapp") is None
        files = await screen.page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name)")
        # Its styles, scripts and bundle: one that loads its parts one by one makes 45.
        assert len([name for name in files if "/voila/" in name]) < 25
        screen.check_clean()


OTHER_BUNDLE = """Object.defineProperty(globalThis, "webpackChunk_JUPYTERLAB_CORE_OUTPUT", {
    get: () => globalThis.theirs ??= [],
    set: () => {},
});
globalThis.theirs = Object.assign([], { push: () => 0 });
"""


async def test_the_application_shows_a_page_whose_bundle_is_made_in_another_way(served: str, open_screen: OpenScreen):
    async with open_screen("about:blank") as screen:
        # The first call is the page's own, the others are those of the bundle, which sets a push of its own.
        await screen.page.add_init_script(OTHER_BUNDLE)
        await screen.page.goto(served)
        await screen.wait_live("chart", "book", "tape", "liquidations")
        # Its name is known a moment after its widgets are there.
        await until(screen.page, "Boolean(globalThis.jupyterapp)")


async def test_a_page_says_what_of_it_cannot_be_loaded(served: str, open_screen: OpenScreen):
    async with open_screen("about:blank") as screen:
        await screen.page.route("**/bqscales/static/remoteEntry.*", lambda route: route.abort())
        await screen.page.goto(served)
        notice = screen.page.get_by_role("alert")
        await notice.wait_for(state="visible")
        assert "bqscales" in await notice.inner_text()


# What a server says of a page, and an extension that ORDERFOX_EXTENSIONS adds for other notebooks, without its file.
ADDED = """(() => {
    let noticed = false, listed = false;
    new MutationObserver(() => {
        const loading = document.getElementById("loading");
        if (loading && !noticed) {
            noticed = true;
            const notice = Object.assign(document.createElement("div"), { id: "of-trouble", role: "alert" });
            notice.textContent = "The page before that change";
            loading.before(notice);
        }
        const config = document.getElementById("jupyter-config-data");
        if (config?.nextSibling && !listed) {
            listed = true;
            const values = JSON.parse(config.textContent);
            values.federated_extensions.unshift({ name: "other", load: "static/other.js", mimeExtension: "./mime" });
            config.textContent = JSON.stringify(values);
        }
    }).observe(document, { childList: true, subtree: true });
})()"""


async def test_a_page_keeps_what_its_server_says_and_loads_its_panels_alone(served: str, open_screen: OpenScreen):
    async with open_screen("about:blank") as screen:
        await screen.page.add_init_script(ADDED)
        await screen.page.goto(served)
        await screen.wait_live("chart", "book", "tape", "liquidations")
        assert '"other"' in await screen.page.inner_html("#jupyter-config-data")
        assert await screen.page.inner_text("#of-trouble") == "The page before that change"


async def test_a_button_that_runs_python_says_that_the_page_has_no_kernel(mixed: str, open_screen: OpenScreen):
    async with open_screen(mixed) as screen:
        await screen.page.get_by_role("button", name="run", exact=True).click()
        # Panels have alerts of their own, such as that there is no connection yet.
        notice = screen.page.locator("#of-trouble[role=alert]")
        await notice.wait_for(state="visible")
        assert "--kernel-per-viewer" in await notice.inner_text()
        await screen.page.get_by_role("button", name="run", exact=True).click()
        assert await notice.count() == 1


# ipywidgets gives all states together four seconds, which a slow machine can miss: here the request for them is lost.
TOO_BUSY = """(({ setTimeout: later, JSON: { stringify } }) => {
    globalThis.asked = 0;
    globalThis.setTimeout = (run, ms, ...rest) => later(run, ms === 4000 ? 0 : ms, ...rest);
    JSON.stringify = (value, ...rest) => {
        const method = value?.content?.data?.method;
        if (method === "request_state") globalThis.asked++;
        const lost = method === "request_states";
        return stringify(lost ? { ...value, content: { comm_id: "", data: {} } } : value, ...rest);
    };
})(globalThis)"""


async def test_a_page_too_busy_for_all_states_at_once_asks_for_each(mixed: str, open_screen: OpenScreen):
    async with open_screen("about:blank") as screen:
        await screen.page.add_init_script(TOO_BUSY)
        await screen.page.goto(mixed)
        await screen.wait_live("chart", "book", "tape", "liquidations")
        assert await screen.page.evaluate("asked") > 20
        screen.check_clean()


# ipywidgets waits two seconds for a model, in pauses of 100 ms, and does not check again after the last of them. On a
# page that is busy until all models are there, one pause takes longer than that.
LONG_PAUSES = """(({ setTimeout: later }) => {
    globalThis.setTimeout = (run, ms, ...rest) => later(run, ms === 100 ? 5000 : ms, ...rest);
})(globalThis)"""


async def test_a_page_that_is_busy_while_its_models_are_made_shows_each_output(mixed: str, open_screen: OpenScreen):
    async with open_screen("about:blank") as screen:
        await screen.page.add_init_script(LONG_PAUSES)
        await screen.page.goto(mixed)
        await screen.wait_live("chart", "book", "tape", "liquidations")
        screen.check_clean()
