"""10,000 scrapes of libvirt's test driver: nothing may be left over."""

from processes import exporter
from results import Result, at_most

CONFIG = 'clouds: [{name: bench, kind: libvirt, uri: "test:///default"}]\n'
WARM, SCRAPES = 500, 10_000


def run() -> list[Result]:
    with exporter(CONFIG) as running:
        for _ in range(WARM):
            running.get()
        rss, files, threads = running.rss_bytes(), running.files(), running.threads()
        for _ in range(SCRAPES):
            running.get()
        if not running.count("stratoscope_hypervisor_vm_state"):
            raise RuntimeError("the page shows no VM")
        return [
            at_most("10,000 scrapes: RSS grows", (running.rss_bytes() - rss) / 1e6, 5, "MB"),
            at_most("10,000 scrapes: file descriptors left over", running.files() - files, 0, "files"),
            at_most("10,000 scrapes: threads left over", running.threads() - threads, 0, "threads"),
        ]
