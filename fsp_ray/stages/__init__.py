"""One use case a file, on one shard or one video, without Ray."""
