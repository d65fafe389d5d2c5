# Writes testdata/formats: one logical table of 300 rows in every format, codec
# and encoding that pyarrow 17 and DuckDB 2.0 write. Run it in internal/table:
#   pip install pyarrow==17.0.0 duckdb && python3 testdata/make_formats.py
import datetime as dt, decimal, os
import pyarrow as pa, pyarrow.parquet as pq, pyarrow.ipc as ipc, duckdb

out = "testdata/formats/"
os.makedirs(out, exist_ok=True)
n, D = 300, decimal.Decimal
hole = lambda i, v: None if i % 7 == 3 else v
day = dt.date(2020, 2, 28)
t0 = dt.datetime(2021, 12, 31, 23, 59, 58)

cols = {
    "s": pa.array([hole(i, "值%d" % (i % 5)) for i in range(n)]),
    "n": pa.array([hole(i, (i - 150) * 10**12) for i in range(n)], pa.int64()),
    "u": pa.array([hole(i, i * 14000000) for i in range(n)], pa.uint32()),
    "f": pa.array([hole(i, i / 8 - 3) for i in range(n)], pa.float64()),
    "b": pa.array([hole(i, i % 3 == 0) for i in range(n)]),
    "d": pa.array([hole(i, day + dt.timedelta(i)) for i in range(n)], pa.date32()),
    "ms": pa.array([hole(i, t0 + dt.timedelta(milliseconds=i)) for i in range(n)], pa.timestamp("ms")),
    "us": pa.array([hole(i, t0 + dt.timedelta(microseconds=i)) for i in range(n)], pa.timestamp("us", tz="UTC")),
    "ns": pa.array([hole(i, t0 + dt.timedelta(seconds=i)) for i in range(n)], pa.timestamp("ns")),
    "price": pa.array([hole(i, D(i * 37 - 5000) / 100) for i in range(n)], pa.decimal128(9, 2)),
    "wide": pa.array([hole(i, D(i) * 10**20 + D(1) / 8) for i in range(n)], pa.decimal128(38, 4)),
    "whole": pa.array([hole(i, D(i - 9)) for i in range(n)], pa.decimal128(12, 0)),
    "large": pa.array([hole(i, "x" * (i % 40)) for i in range(n)], pa.large_string()),
    "dict": pa.array([hole(i, "k%d" % (i % 3)) for i in range(n)]).dictionary_encode(),
    "st": pa.array([None if i % 11 == 5 else {"a": hole(i, i), "in": {"c": "c%d" % i}} for i in range(n)],
                   pa.struct([("a", pa.int32()), ("in", pa.struct([("c", pa.string())]))])),
}
t = pa.table(cols)
w = lambda name, **k: pq.write_table(t, out + name + ".parquet", row_group_size=120, **k)
for c in ["none", "snappy", "gzip", "brotli", "lz4", "zstd"]:
    w("pyarrow_" + c, compression=c, data_page_size=512)
w("pyarrow_v2pages", compression="snappy", data_page_version="2.0", data_page_size=512)
w("pyarrow_plain", compression="none", use_dictionary=False, write_statistics=False)
w("pyarrow_int96", use_deprecated_int96_timestamps=True)
w("pyarrow_intdecimal", store_decimal_as_integer=True)
w("pyarrow_v1", version="1.0", coerce_timestamps="us", allow_truncated_timestamps=True)
ints = {k: "DELTA_BINARY_PACKED" for k in ["n", "u", "d", "ms", "us", "ns", "st.a"]}
w("pyarrow_delta", use_dictionary=False, data_page_version="2.0",
  column_encoding={**ints, "s": "DELTA_BYTE_ARRAY", "large": "DELTA_LENGTH_BYTE_ARRAY", "dict": "DELTA_BYTE_ARRAY",
                   "st.in.c": "DELTA_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT", "b": "RLE", "price": "DELTA_BYTE_ARRAY"})
for c in [None, "lz4", "zstd"]:
    o = ipc.IpcWriteOptions(compression=c)
    for kind, new in [("file", ipc.new_file), ("stream", ipc.new_stream)]:
        with new(out + "arrow_%s_%s.arrow" % (kind, c or "none"), t.schema, options=o) as f:
            f.write_table(t, max_chunksize=120)
duckdb.sql("set timezone='UTC'")
duckdb.sql("set threads=1")
for name, opt in [("v1_snappy", "codec snappy"), ("v2_zstd", "codec zstd, parquet_version v2"), ("v2_lz4", "codec lz4, parquet_version v2"),
                  ("v1_brotli", "codec brotli"), ("v1_gzip", "codec gzip"), ("v2_none", "codec uncompressed, parquet_version v2")]:
    duckdb.sql("copy (select * from t) to '%sduckdb_%s.parquet' (format parquet, %s)" % (out, name, opt))
lists = pa.table({"k": [1, 2], "tags": [["a"], []], "m": pa.array([[("x", 1)], []], pa.map_(pa.string(), pa.int32())),
                  "at": pa.array([dt.time(1), None], pa.time64("us")), "raw": pa.array([b"\xff", None])})
pq.write_table(lists, out + "lists.parquet")
with ipc.new_file(out + "lists.arrow", lists.schema) as f:
    f.write_table(lists)
