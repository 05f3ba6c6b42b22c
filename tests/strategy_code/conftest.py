"""Fixtures of code: a list of trusted folders that no other test sees."""

import pytest


@pytest.fixture(autouse=True)
def own_list(tmp_path_factory, monkeypatch):
    """The folder of the user's settings, empty."""
    folder = tmp_path_factory.mktemp("settings")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    return folder
