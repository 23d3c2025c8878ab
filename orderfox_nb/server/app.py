"""The extension for JupyterLab, JupyterHub and Binder: our routes on a Jupyter server, behind its own login."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from jupyter_server.extension.application import ExtensionApp
from jupyter_server.utils import url_path_join
from traitlets import Bool

from orderfox_nb import __version__
from orderfox_nb.errors import MissingExtra, SettingError
from orderfox_nb.server.routes import catch_all, routes
from orderfox_nb.server.service import DeskService, read_settings

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

KERNEL_VARIABLES = ("ORDERFOX_URL", "ORDERFOX_TOKEN")


class OrderFoxApp(ExtensionApp):
    """Enabled by installing the package; opens nothing until its first reader."""

    name = "orderfox_nb"
    version = __version__
    load_other_extensions = True
    public = Bool(False, help="Let anybody read market data without a login").tag(config=True)

    service: DeskService | None = None

    def initialize_handlers(self) -> None:
        # A kernel gets its address from the server that started it, never from the environment of this server.
        for name in KERNEL_VARIABLES:
            os.environ.pop(name, None)
        try:
            settings: Any = read_settings()
        except (SettingError, MissingExtra) as error:
            # JupyterLab must start nevertheless: our routes answer 503 with this line.
            self.log.error("orderfox: %s", error)
            settings = error
        self.service = DeskService(settings, public=self.public, standalone=False)
        self.handlers.extend(routes("/", self.service, top_level=False, catch_all=False))

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        if self.service is None:
            return
        # Now every extension has its routes, so that none of theirs is hidden.
        serverapp.web_app.add_handlers(".*$", catch_all(serverapp.base_url, self.service))
        os.environ["ORDERFOX_URL"] = url_path_join(serverapp.connection_url, "/").rstrip("/")
        os.environ["ORDERFOX_TOKEN"] = self.service.token
        self.service.start_bots()

    async def stop_extension(self) -> None:
        if self.service is None:
            return
        if os.environ.get("ORDERFOX_TOKEN") == self.service.token:
            for name in KERNEL_VARIABLES:
                os.environ.pop(name, None)
        await self.service.stop()
