class error(Exception): ...  # noqa: N801, N818 - its name

class Options:
    max_mem: int
    log_errors: bool

class _Regexp:
    def fullmatch(self, text: str) -> object | None: ...

def compile(pattern: str, options: Options | None = None) -> _Regexp: ...  # noqa: A001 - its name
