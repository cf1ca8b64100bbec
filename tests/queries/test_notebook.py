"""What a notebook gets from a store's file, and from a collector that holds it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow as pa
import pytest

import spanscore.queries
from spanscore.collector.keys import read_token
from spanscore.collector.store.marts import Marts
from spanscore.queries.notebook import OpenError
from tests.support.harness_run import Run
from tests.support.lakes import fill
from tests.support.running_collector import RunningCollector
from tests.support.stored import stored

AGENTS = "SELECT run_id, agent, started_at FROM runs ORDER BY run_id"


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    with stored(folder) as store:
        store.put(*Run("r1").requests(), *Run("r2", agent="other").requests())
        marts = Marts(store.connection)
        marts.prepare()
        marts.refresh_all()
    return folder / "s.duckdb"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    with RunningCollector(tmp_path_factory.mktemp("held")) as running:
        yield running


def test_a_file_gives_relations_arrow_pandas_and_polars(db: Path) -> None:
    with spanscore.queries.open(db) as store:
        relation = store.sql(AGENTS).filter("agent = 'other'")
        assert relation.project("run_id").fetchall() == [("r2",)]
        arrow, frame, fast = store.arrow(AGENTS), store.pandas(AGENTS), store.polars(AGENTS)
    assert isinstance(arrow, pa.Table)
    assert isinstance(frame, pandas.DataFrame)
    assert isinstance(fast, polars.DataFrame)
    assert arrow["agent"].to_pylist() == list(frame["agent"]) == fast["agent"].to_list()


def test_a_closed_store_can_be_written_again(db: Path) -> None:
    store = spanscore.queries.open(str(db))
    store.close()
    store.close()
    duckdb.connect(str(db)).close()


def test_a_file_cannot_be_changed(db: Path) -> None:
    with spanscore.queries.open(db) as store, pytest.raises(duckdb.Error, match="read-only"):
        store.sql("DELETE FROM span")


def test_a_collector_answers_by_its_url(collector: RunningCollector) -> None:
    with spanscore.queries.open(collector.web, token=read_token(collector.db)) as store:
        assert store.arrow("SELECT 41 + 1 AS n").to_pylist() == [{"n": 42}]
        assert store.sql("SELECT 1 AS n UNION ALL SELECT 2").filter("n > 1").fetchall() == [(2,)]


def test_a_file_that_a_collector_holds_is_asked_through_it(collector: RunningCollector) -> None:
    with spanscore.queries.open(collector.db) as store:
        assert store.pandas("SELECT count(*) AS n FROM spans")["n"].tolist() == [0]


def test_sql_that_is_wrong_is_said_by_the_collector(collector: RunningCollector) -> None:
    with spanscore.queries.open(collector.db) as store, pytest.raises(OpenError, match="nothing"):
        store.sql("SELECT nothing FROM runs")


def test_a_result_that_is_cut_off_warns(collector: RunningCollector) -> None:
    with spanscore.queries.open(collector.db) as store, pytest.warns(UserWarning, match="rows"):
        assert store.arrow("SELECT * FROM range(1000001)").num_rows == 1_000_000


@pytest.mark.parametrize("token", [None, "wrong"])
def test_a_collector_asks_for_its_token(collector: RunningCollector, token: str | None) -> None:
    with pytest.raises(OpenError, match="token"):
        spanscore.queries.open(collector.web, token=token)


def test_where_no_collector_answers_is_an_error() -> None:
    with pytest.raises(OpenError, match=r"no collector answers at http://127\.0\.0\.1:9"):
        spanscore.queries.open("http://127.0.0.1:9", token="any")


def test_a_file_that_is_none_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(OpenError, match=r"there is no file .*x\.duckdb; `spanscore serve --db"):
        spanscore.queries.open(tmp_path / "x.duckdb")


def test_another_duckdb_file_is_no_store(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "x.duckdb")).close()
    with pytest.raises(OpenError, match="no store of this version"):
        spanscore.queries.open(tmp_path / "x.duckdb")


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.duckdb").write_text("no database")
    with pytest.raises(OpenError, match=r"x\.duckdb cannot be opened"):
        spanscore.queries.open(tmp_path / "x.duckdb")


def test_a_lake_answers_as_a_store_does(db: Path, tmp_path: Path) -> None:
    requests = [*Run("r1").requests(), *Run("r2", agent="other").requests()]
    fill(tmp_path / "lake", tmp_path / "a", *requests)
    names = "SELECT name FROM spans ORDER BY ALL"
    with spanscore.queries.open(db) as store, spanscore.queries.open(tmp_path / "lake") as lake:
        for query in (names, AGENTS, "FROM leaderboard ORDER BY ALL", AGENTS):
            assert lake.arrow(query).to_pylist() == store.arrow(query).to_pylist()


def test_a_lake_that_cannot_be_read_is_refused_with_the_reason(tmp_path: Path) -> None:
    fill(tmp_path / "lake", tmp_path / "a", *Run("r1").requests())
    for path in (tmp_path / "lake").rglob("*.parquet"):
        path.write_bytes(b"no Parquet, and long enough to have a footer")
    with pytest.raises(OpenError, match="put it back or remove it"):
        spanscore.queries.open(tmp_path / "lake")
