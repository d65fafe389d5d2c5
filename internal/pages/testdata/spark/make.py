"""Writes the files beside it: the table of ../make.py as Spark writes it, with
what Spark alone has (INT96 timestamps, decimals in each of their forms, maps,
structs, the lists of before 2.0).

    apt-get install default-jre-headless
    pip install pyspark==4.3.0
    python make.py

Row i of 400 (see rowOf in golden_test.go): every value follows from i.
"""
import datetime
import decimal
import glob
import os
import shutil
import tempfile

from pyspark.sql import SparkSession
from pyspark.sql import types as T

here = os.path.dirname(os.path.abspath(__file__))
N = 400
begin = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)


def row(i):
    return (
        i,
        None if i % 11 == 3 else i % 3 == 0,
        None if i % 5 == 0 else (i * 7919) % 1000 - 500,
        i * i * 31 - 1000,
        i / 4,
        None if i % 7 == 0 else i / 8 - 3,
        None if i % 9 == 0 else f"value-{i % 13:05d}",
        f"person-{i * 37}",
        None,
        [f"item-{k}" for k in range(i % 4)],
        bytearray([i % 256] * 5),
        datetime.date(2024, 1, 1) + datetime.timedelta(days=i),
        None if i % 6 == 0 else begin + datetime.timedelta(hours=i),
        decimal.Decimal(i * 101 - 5000) / 100,
        decimal.Decimal(i * 10_000_019) / 1000,
        decimal.Decimal(i * 1_000_000_007) / 10,
        (i % 7, f"inner-{i % 5}"),
        {f"key-{k}": i + k for k in range(i % 3)},
        [f"138{i * 7919 % 100_000_000:08d}"] if i % 2 else [],
    )


schema = T.StructType([
    T.StructField("id", T.LongType()), T.StructField("b", T.BooleanType()), T.StructField("i", T.IntegerType()),
    T.StructField("l", T.LongType()), T.StructField("f", T.FloatType()), T.StructField("d", T.DoubleType()),
    T.StructField("s", T.StringType()), T.StructField("u", T.StringType()), T.StructField("z", T.StringType()),
    T.StructField("n", T.ArrayType(T.StringType())), T.StructField("x", T.BinaryType()),
    T.StructField("day", T.DateType()), T.StructField("time", T.TimestampType()),
    T.StructField("dec9", T.DecimalType(9, 2)), T.StructField("dec18", T.DecimalType(18, 3)), T.StructField("dec38", T.DecimalType(38, 1)),
    T.StructField("in", T.StructType([T.StructField("a", T.IntegerType()), T.StructField("b", T.StringType())])),
    T.StructField("map", T.MapType(T.StringType(), T.IntegerType())),
    T.StructField("phones", T.ArrayType(T.StringType())),
])

spark = (SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false")
         .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate())
df = spark.createDataFrame([row(i) for i in range(N)], schema).coalesce(1)


def write(name, codec="snappy", version="v1", time="INT96", legacy=False, **options):
    spark.conf.set("spark.sql.parquet.outputTimestampType", time)
    spark.conf.set("spark.sql.parquet.writeLegacyFormat", str(legacy).lower())
    out = os.path.join(tempfile.mkdtemp(), "t")
    w = df.write.option("compression", codec).option("parquet.writer.version", version)
    w = w.option("parquet.page.size", 1024).option("parquet.page.row.count.limit", 90)
    for k, v in options.items():
        w = w.option(k.replace("__", "#").replace("_", "."), v)
    w.parquet(out)
    parts = glob.glob(out + "/part-*.parquet")
    assert len(parts) == 1, parts
    shutil.copyfile(parts[0], os.path.join(here, f"{name}.parquet"))
    shutil.rmtree(os.path.dirname(out))


for codec in ["none", "snappy", "gzip", "zstd", "lz4", "lz4_raw"]:
    write("v1-" + codec, codec)
    write("v2-" + codec, codec, "v2", time="TIMESTAMP_MICROS")
write("legacy", legacy=True)
write("millis", time="TIMESTAMP_MILLIS")
write("plain", parquet_enable_dictionary="false")
write("delta", version="v2", time="TIMESTAMP_MICROS", parquet_enable_dictionary="false")
write("bloom", **{"parquet_bloom_filter_enabled__u": "true", "parquet_bloom_filter_expected_ndv__u": "400"})
