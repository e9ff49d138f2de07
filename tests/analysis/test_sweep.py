from __future__ import annotations

import csv
import io
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pyarrow.parquet
import pytest

from xenexplore.analysis.sweep import (
    Grid,
    Point,
    SweepRow,
    measure,
    read_rows,
    sweep,
    table_text,
    write_parquet,
)
from xenexplore.errors import InputError

SMALL = Grid(entries=(1, 4), policies=("lru", "refuse"), scopes=("vcpu",), p2m_orders=(0, 9),
             domains=(1,))  # fmt: skip


@pytest.fixture(scope="module")
def points() -> list[Point]:
    return list(SMALL.points(["pvh"]))


@pytest.fixture(scope="module")
def rows(points: list[Point]) -> tuple[SweepRow, ...]:
    return tuple(map(measure, points))


def test_a_grid_is_every_combination_once(points: list[Point]) -> None:
    assert len(points) == len(set(points)) == 2 * 2 * 2 * 2


def test_threads_give_the_same_rows(points: list[Point], rows: tuple[SweepRow, ...]) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert sweep(points, pool) == rows


def test_processes_give_the_same_rows(points: list[Point], rows: tuple[SweepRow, ...]) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert sweep(points[::5], pool) == rows[::5]


def test_a_real_cluster_gives_the_same_rows(
    points: list[Point], rows: tuple[SweepRow, ...]
) -> None:
    """Two dask workers, each a process of its own, on this machine."""
    distributed = pytest.importorskip("distributed")
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
        ) as cluster,
        distributed.Client(cluster) as client,
        client.get_executor() as pool,
    ):  # fmt: skip
        warnings.simplefilter("ignore")
        assert len(client.scheduler_info()["workers"]) == 2
        assert sweep(points[::4], pool) == rows[::4]


def test_a_sweep_is_resumed(
    points: list[Point], rows: tuple[SweepRow, ...], tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    # Three whole rows, and one that was cut short.
    text = table_text(rows[:4])
    path.write_text(text[:-5], newline="")
    known = read_rows(path)
    assert list(known.values()) == list(rows[:3])
    fresh: list[SweepRow] = []
    with ThreadPoolExecutor(1) as pool:
        got = sweep(points, pool, known=known, finished=lambda row, done, total: fresh.append(row))
    assert got == rows
    assert len(fresh) == len(points) - 3
    assert not set(fresh) & set(rows[:3])


def test_a_table_reads_back(rows: tuple[SweepRow, ...], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(table_text(rows), newline="")
    assert tuple(read_rows(path).values()) == rows
    assert len(list(csv.DictReader(io.StringIO(table_text(rows))))) == len(rows)


@pytest.mark.parametrize(
    ("text", "what"),
    [("a,b\n1,2\n", "line 1: expected recording"), ("", "")],
)
def test_another_table_is_refused(tmp_path: Path, text: str, what: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text)
    if not what:
        assert read_rows(path) == {}
        return
    with pytest.raises(InputError, match=what):
        read_rows(path)


def test_a_cell_that_is_no_number_is_named(rows: tuple[SweepRow, ...], tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(table_text(rows[:2]).replace("pvh,1,", "pvh,one,", 1), newline="")
    with pytest.raises(InputError, match="line 2: expected"):
        read_rows(path)


def test_parquet_reads_back(rows: tuple[SweepRow, ...], tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    write_parquet(rows, path)
    table = pyarrow.parquet.read_table(path)
    assert table.column_names == table_text(rows).splitlines()[0].split(",")
    assert [SweepRow(**values) for values in table.to_pylist()] == list(rows)
    for field in table.schema:
        text = pyarrow.types.is_string(field.type)
        assert text or pyarrow.types.is_int64(field.type), field
        assert text == isinstance(getattr(rows[0], field.name), str), field


def test_parquet_needs_pyarrow(
    rows: tuple[SweepRow, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match="no pyarrow"):
        write_parquet(rows, tmp_path / "rows.parquet")


def test_more_slots_never_miss_more_and_policies_differ(rows: tuple[SweepRow, ...]) -> None:
    by_point = {row.point: row for row in rows}
    for row in rows:
        if row.register == "on-miss" and row.policy == "lru" and row.entries == 1:
            larger = by_point[Point("pvh", 1, "on-miss", 4, "lru", "vcpu", row.p2m_order)]
            assert larger.misses < row.misses
    assert len({row.misses for row in rows}) > 3
