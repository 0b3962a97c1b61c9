"""Sources, storage, tables, query. The only room with pyarrow, deltalake, duckdb, fsspec."""
