"""Values of the configuration in the words of the file: for names, pages and the log of a run."""


def as_written(value: object) -> str:
    """A value from YAML in one line: `true`, `[a, b]`, `{tcp: 22, banner: SSH-}`; a text without quotes."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {as_written(part)}' for key, part in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_written, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
