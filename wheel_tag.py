"""The build hook of the wheel: one that holds the engine library is for its platform, any other is for all of them."""

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# The library needs nothing of the system, so that the oldest tag holds. Others are not tested yet (docs/decisions, D2).
TAGS = {"linux-x86_64": "manylinux_2_17_x86_64"}


class WheelTag(BuildHookInterface):
    """Packs what is built, and builds nothing."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Choose the tag of the wheel. version: editable for an installation that points to the sources."""
        manifest = Path(self.root) / "safla" / "compiled" / "engine.json"
        if version == "editable" or not manifest.exists():
            return
        platform = json.loads(manifest.read_text("utf-8"))["platform"]
        if platform in TAGS:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{TAGS[platform]}"
