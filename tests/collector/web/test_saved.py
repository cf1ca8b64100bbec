"""A saved page holds all that it shows, and runs only its own scripts, whatever a run says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest

from spanscore.collector.commands.save_page import save_page
from spanscore.collector.commands.show import UnknownRunError
from spanscore.collector.config import load
from spanscore.collector.store.marts import Marts
from spanscore.collector.web import assets, saved
from spanscore.collector.web.bundle import bundle
from spanscore.collector.web.saved import saved_page
from tests.support.harness_run import Run
from tests.support.pages import pages_of
from tests.support.stored import stored

EVIL = "</script><script>alert(1)</script><!--\u202e"


def page_of(folder: Path, run: Run) -> str:
    with stored(folder) as store:
        store.put(*run.requests())
        marts = Marts(store.connection)
        marts.prepare()
        marts.refresh_all()
        found = saved_page(store.connection, run.run_id)
        assert saved_page(store.connection, "nobody's") is None
    assert found is not None
    return found.decode()


def test_a_saved_page_has_the_run_with_all_its_spans(tmp_path: Path) -> None:
    page = page_of(tmp_path, Run("kept", verdict="success"))
    [data] = re.findall(r'<script type="application/json" id="saved">(.*?)</script>', page)
    told = json.loads(data)
    assert len(told["texts"]) == len(told["spans"]) == 10
    assert b64decode(told["waterfall"])
    assert told["spans"][0]["name"] == "cell_run"
    assert '<link rel="stylesheet"' not in page
    assert 'src="/' not in page
    assert 'href="/' not in page


def test_only_its_own_scripts_may_run(tmp_path: Path) -> None:
    page = page_of(tmp_path, Run(EVIL, agent=EVIL, model=EVIL, task=EVIL, sweep=EVIL))
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", page, re.S)
    allowed = re.findall(r"sha256-([\w+/=]+)", policy.split("script-src")[1])
    assert [b64decode(digest) for digest in allowed] == [
        sha256(script.encode()).digest() for script in scripts
    ]
    assert "unsafe" not in policy
    assert "<script>alert" not in page
    assert "<!--" not in page


def test_of_a_large_run_what_says_most_is_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST_SPANS", 5)
    page = page_of(tmp_path, Run("large"))
    [data] = re.findall(r'id="saved">(.*?)</script>', page)
    assert len(json.loads(data)["texts"]) == 5


def test_the_bundle_is_a_script_that_a_browser_would_take(tmp_path: Path) -> None:
    text = bundle("run.js")
    assert not re.search(r"^(import|export) ", text, re.M)
    for name in assets.files():
        if name.endswith(".js") and name not in ("run.js", "theme.js") and name in text:
            assert text.count(f'modules["{name}"] = ') == 1
    node = shutil.which("node")
    if node:  # the browser tests run it; this one names the line
        (tmp_path / "bundle.mjs").write_text(text)
        subprocess.run([node, "--check", tmp_path / "bundle.mjs"], check=True)


async def test_it_can_be_downloaded(tmp_path: Path) -> None:
    async with pages_of(tmp_path, Run("kept/../x").requests()) as client:
        response = await client.get("/runs/kept%2F..%2Fx/saved")
        assert response.status == 200
        assert (
            response.headers["Content-Disposition"] == 'attachment; filename="run-kept-..-x.html"'
        )
        assert (await client.get("/runs/nobodys/saved")).status == 404


def test_the_command_saves_it_by_the_beginning_of_the_id(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page_of(tmp_path, Run("kept-run"))
    settings = load(db=tmp_path / "s.duckdb")
    save_page(settings, "kept", tmp_path / "run.html")
    assert "kept-run" in capsys.readouterr().out
    assert (tmp_path / "run.html").read_text().startswith("<!doctype html>")
    with pytest.raises(UnknownRunError):
        save_page(settings, "other", tmp_path / "other.html")
    assert not (tmp_path / "other.html").exists()
