"""Writes the files beside it: one table by other tools in many ways.

    pip install pyarrow==26.0.1 duckdb==2.0.0
    python make.py

Row i of 400 (see rowOf in golden_test.go): every value follows from i.
"""
import os
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

here = os.path.dirname(os.path.abspath(__file__))
N = 400
rows = range(N)
table = pa.table({
    "id": pa.array([i for i in rows], pa.int64()),
    "b": pa.array([None if i % 11 == 3 else i % 3 == 0 for i in rows], pa.bool_()),
    "i": pa.array([None if i % 5 == 0 else (i * 7919) % 1000 - 500 for i in rows], pa.int32()),
    "l": pa.array([i * i * 31 - 1000 for i in rows], pa.int64()),
    "f": pa.array([i / 4 for i in rows], pa.float32()),
    "d": pa.array([None if i % 7 == 0 else i / 8 - 3 for i in rows], pa.float64()),
    "s": pa.array([None if i % 9 == 0 else f"value-{i % 13:05d}" for i in rows], pa.string()),
    "u": pa.array([f"person-{i * 37}" for i in rows], pa.string()),
    "z": pa.array([None for i in rows], pa.string()),
    "n": pa.array([[f"item-{k}" for k in range(i % 4)] for i in rows], pa.list_(pa.string())),
})
fixed = table.append_column("x", pa.array([bytes([i % 256] * 5) for i in rows], pa.binary(5)))


def write(name, t=fixed, **kw):
    pq.write_table(t, os.path.join(here, name + ".parquet"), row_group_size=150, data_page_size=400, write_batch_size=16, **kw)


for codec in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
    write("arrow-v1-" + codec, compression=codec, write_page_index=True)
    write("arrow-v2-" + codec, compression=codec, data_page_version="2.0", write_page_checksum=True)
write("arrow-plain", use_dictionary=False, write_page_checksum=True)
write("arrow-plain-none", use_dictionary=False, compression="none", data_page_version="2.0")
write("arrow-delta", use_dictionary=False, data_page_version="2.0", column_encoding={
    "id": "DELTA_BINARY_PACKED", "i": "DELTA_BINARY_PACKED", "l": "DELTA_BINARY_PACKED", "b": "RLE",
    "f": "BYTE_STREAM_SPLIT", "d": "BYTE_STREAM_SPLIT", "s": "DELTA_LENGTH_BYTE_ARRAY", "u": "DELTA_BYTE_ARRAY", "x": "DELTA_BYTE_ARRAY"})
write("arrow-split", use_dictionary=False, column_encoding={
    "id": "BYTE_STREAM_SPLIT", "i": "BYTE_STREAM_SPLIT", "l": "BYTE_STREAM_SPLIT", "x": "BYTE_STREAM_SPLIT"})

db = duckdb.connect()
db.register("t", table)
for version in ["V1", "V2"]:
    for codec in ["uncompressed", "snappy", "gzip", "brotli", "lz4_raw", "zstd"]:
        out = os.path.join(here, f"duckdb-{version.lower()}-{codec}.parquet")
        db.execute(f"COPY t TO '{out}' (FORMAT parquet, PARQUET_VERSION {version}, COMPRESSION {codec}, ROW_GROUP_SIZE 2048)")
