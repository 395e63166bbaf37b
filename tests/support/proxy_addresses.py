"""Addresses that are none of an HTTP proxy. Each has a password with `3cret` in it."""

from typing import Final

REFUSED: Final = (
    "socks5://me:s3cret@127.0.0.1:9",
    "s3cret://me@127.0.0.1:9",
    "//me:s3cret@127.0.0.1:9",
    "http://me:s/3cret@127.0.0.1:9",
    "http://me:12/3cret@127.0.0.1:9",
    "me:12/3cret@127.0.0.1:9",
    "http://me:12#3cret@127.0.0.1:9",
    "http://me:12?3cret@127.0.0.1:9",
    "http://me:s://3cret@127.0.0.1:9",
    "me:s://3cret@127.0.0.1:9",
    "http://me:s[3cret@127.0.0.1:9",
    "http://me:s]3cret@127.0.0.1:9",
    "http://me:s\\3cret@127.0.0.1:9",
    "http://me:s3cret@127.0.0.1:port",
    "http://me:s3cret@127.0.0.1:0",
    "http://me:s3cret@127.0.0.1:65536",
    "http://me:s3cret@127.0.0.1:-9",
    "http://me:s3cret@",
    "http://me:s3cret@:9",
    "http://me:s3cret@a..b:9",
    "http://me:s3cret@[::1",
    "http://me:s3cret@[:::]:9",
    "http://me:s3cret@pröxy:9",
    "http://me:s3cret%E2%82%AC@127.0.0.1:9",
    "http://me:s3cret%FF@127.0.0.1:9",
    "http://a%3Ame:s3cret@127.0.0.1:9",
)
