"""Executes notebooks with nbclient: FOLDER/NAME.ipynb becomes FOLDER/NAME.expected.ipynb."""

import asyncio
import pathlib
import sys
import tempfile

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

AT_ONCE = 3


async def execute(path, sockets, turn):
    # A port that was free as it was chosen may be another's by the time the kernel binds it; a socket's path is its own.
    ip = str(sockets / path.stem)
    config = Config({"KernelManager": {"transport": "ipc", "ip": ip}})
    async with turn:
        notebook = nbformat.read(path, as_version=4)
        client = NotebookClient(
            notebook,
            timeout=60,
            kernel_name="python3",
            config=config,
            record_timing=False,
            shutdown_kernel="immediate",
            resources={"metadata": {"path": str(path.parent)}},
            **notebook.metadata.pop("nbclient", {}),
        )
        try:
            await client.async_execute()
        except CellExecutionError:
            pass
        nbformat.write(notebook, path.with_suffix(".expected.ipynb"))


async def main(folder):
    turn = asyncio.Semaphore(AT_ONCE)
    paths = sorted(pathlib.Path(folder).glob("*.ipynb"))
    with tempfile.TemporaryDirectory() as sockets:
        await asyncio.gather(*(execute(path, pathlib.Path(sockets), turn) for path in paths))


asyncio.run(main(sys.argv[1]))
