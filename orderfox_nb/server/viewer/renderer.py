# Voila's renderer has no types.
# pyright: reportArgumentType=false, reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
"""Runs the notebook once, through Voila's own renderer, and takes what its widgets are along with the page."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert.preprocessors.clearoutput import ClearOutputPreprocessor
from tornado.web import HTTPError
from voila.notebook_renderer import NotebookRenderer
from voila.utils import ENV_VARIABLE, get_page_config

from orderfox_nb.server.viewer.bundle import panel_bundle
from orderfox_nb.server.viewer.contents import FolderContents
from orderfox_nb.server.viewer.failures import RenderingFailed
from orderfox_nb.server.viewer.modules import PackedScript, Scripts
from orderfox_nb.server.viewer.outputs import MAX_PAGE, BoundedOutputs
from orderfox_nb.server.viewer.panels import PANELS, has_only_panels
from orderfox_nb.server.viewer.states import States, read_states

PAGE_KERNEL: Final = "viewer"
"""What a page without a kernel calls its own (templates/page_kernel.js)."""
_MAX_REASON: Final = 300
_STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")
_PATH: Final = re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\s\\/'\":;,<>()]+){2,}[\\/]?")


def public_reason(text: str) -> str:
    """Return an error's text as viewers may read it: one short line, files by their last name alone."""
    line = " ".join(_STYLE.sub("", text).split())
    line = _PATH.sub(lambda path: re.split(r"[\\/]", path[0].rstrip("\\/"))[-1], line)
    return line if len(line) <= _MAX_REASON else f"{line[: _MAX_REASON - 1]}…"


class PageRenderer(NotebookRenderer):
    """Voila's renderer for a page that is the same for everybody and outlives its kernel."""

    kernel_id = ""

    def __init__(self, app: Any, notebook: Path) -> None:
        # The running Voila application, which imports this module.
        self._app = app
        self._folder = notebook.parent
        self._states = States()
        self._outputs: BoundedOutputs | None = None
        self._only_panels = False
        self._bundle: PackedScript | None = None
        voila = {"settings": app.app.settings, "log": app.log, "voila_configuration": app.voila_configuration}
        super().__init__(
            voila_configuration=app.voila_configuration,
            traitlet_config=app.config,
            notebook_path=notebook.name,
            template_paths=app.template_paths,
            config_manager=app.config_manager,
            contents_manager=FolderContents(root_dir=str(notebook.parent)),
            base_url=app.base_url,
            kernel_spec_manager=app.kernel_spec_manager,
            page_config=get_page_config(base_url=app.base_url, **voila),
            mathjax_config=app.app.settings.get("mathjax_config"),
            mathjax_url=app.app.settings.get("mathjax_url"),
        )

    @property
    def scripts(self) -> tuple[PackedScript, ...]:
        """The scripts that the page names, once it is whole."""
        return self._states.modules if self._bundle is None else (*self._states.modules, self._bundle)

    async def snippets(self) -> AsyncIterator[str]:
        """Yield the page piece by piece; its head comes before a kernel is there.

        Raises:
            RenderingFailed: The file is not a notebook, a cell failed, or the kernel ended.
        """
        try:
            await self.initialize()
        except HTTPError as error:
            raise RenderingFailed("its file is not a notebook that can be read") from error
        assert self.page_config is not None
        context = {
            "frontend": "voila",
            "main_js": "voila.js",
            "kernel_start": partial(self._jinja_kernel_start, kernel_id=PAGE_KERNEL, kernel_future=None),
            "cell_generator": self._jinja_cell_generator,
            "notebook_execute": self._jinja_notebook_execute,
            "progressive_rendering": False,
            "without_kernel": True,
            "has_only_panels": lambda: self._only_panels,
            "modules_url": f"{self.base_url}voila/modules/",
            "modules": lambda: [script.name for script in self._states.modules],
            "panel_bundle": lambda: self._bundle.name if self._bundle is not None else "",
            "panel_extensions": [one for one in self.page_config["federated_extensions"] if one["name"] in PANELS],
            # JSON in which every < is escaped.
            "widget_states": lambda: Markup(self._states.data.decode()),  # noqa: S704
            "widget_buffers": lambda: Markup(self._states.buffers.decode()),  # noqa: S704
        }
        pieces = self.exporter.generate_from_notebook_node(
            self.notebook, resources=self.resources, extra_context=context, page_config=self.page_config
        )
        try:
            async for text, _ in pieces:
                yield text
        except DeadKernelError:
            raise RenderingFailed("its kernel ended") from None

    async def end(self) -> None:
        """End the kernel, if there is one."""
        try:
            if self._outputs is not None:
                # Its sockets; those of a page that is whole are closed already.
                await self._cleanup_resources()
            if self.kernel_id and self.kernel_id in self._app.kernel_manager:
                await self._app.kernel_manager.shutdown_kernel(self.kernel_id, now=True)
        finally:
            self._app.rendering_kernels.discard(self.kernel_id)

    async def _jinja_kernel_start(self, nb: Any, kernel_id: str, kernel_future: Any) -> str:  # noqa: ARG002
        app = self._app
        environment = {
            **os.environ,
            # Widgets may need to know that no kernel will answer for them (widgets/page/dashboard.py).
            "ORDERFOX_PAGE_FOR_ALL": "1",
            ENV_VARIABLE.VOILA_PREHEAT: "True",
            ENV_VARIABLE.VOILA_BASE_URL: app.base_url,
            ENV_VARIABLE.VOILA_SERVER_URL: app.server_url,
            ENV_VARIABLE.VOILA_APP_PORT: str(app.port),
        }
        self.kernel_id = await app.kernel_manager.start_kernel(
            kernel_name=nb.metadata.kernelspec.name, cwd=str(self._folder), env=environment
        )
        app.rendering_kernels.add(self.kernel_id)
        await super()._jinja_kernel_start(nb, self.kernel_id, app.kernel_manager.get_kernel(self.kernel_id))
        self._outputs = BoundedOutputs(self.executor, most=MAX_PAGE)
        return kernel_id

    def _add_bundle(self, scripts: Scripts) -> PackedScript:
        roots = [Path(path) for path in self._app.labextensions_path]
        folders = [next((root / name / "static" for root in roots if (root / name).is_dir()), None) for name in PANELS]
        return scripts.add(panel_bundle([Path(path) for path in self._app.static_paths], filter(None, folders)))

    async def _jinja_cell_generator(self, nb: Any, kernel_id: str) -> AsyncGenerator[Any, None]:  # noqa: ARG002
        nb, _ = ClearOutputPreprocessor().preprocess(nb, {"metadata": {"path": self.cwd}})
        assert self._outputs is not None
        outputs, executed = self._outputs, list[Any]()
        for at, cell in enumerate(nb.cells):
            try:
                running = self.executor.execute_cell(cell, None, at, store_history=False)
                executed.append(await outputs.during(running))
                yield executed[-1]
            except CellExecutionError as error:
                raise RenderingFailed(public_reason(f"cell {at + 1}: {error.ename}: {error.evalue}")) from error
            except CellTimeoutError:
                raise RenderingFailed(f"cell {at + 1} took too long") from None
        scripts = self._app.scripts
        self._states = await read_states(self.executor.kc, scripts)
        self._only_panels = has_only_panels(executed, self._states.models)
        if self._only_panels:
            self._bundle = await asyncio.to_thread(self._add_bundle, scripts)
        await self._cleanup_resources()
