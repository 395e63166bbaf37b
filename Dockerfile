# An image for each exporter: `docker build --target=management --tag=stratoscope-management .` (docs/images.md).
# `make images` builds, weighs and starts all of them. BASE is any Debian with Python 3.11 or newer.
ARG BASE=docker.io/library/debian:trixie-slim@sha256:a29215f6a35e51e22adffa17f89e9d2ef06214e64a2bad10d765c46aea49f11f
ARG VERSION=0.2.0.dev0
ARG REVISION

# What all images share. No program gives whoever starts it more rights. Bytecode depends on no time of a file and on no chance: a build anew is the same.
FROM ${BASE} AS python
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get upgrade --yes \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ca-certificates python3 \
 && find /usr/lib/python3* -name __pycache__ -exec rm -r {} + \
 && PYTHONHASHSEED=0 python3 -m compileall -q --invalidation-mode=unchecked-hash /usr/lib/python3* \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && install --directory /etc/stratoscope \
 && install --directory --owner=65534 --group=65534 /var/lib/stratoscope \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /var/lib/dpkg/*-old
# The chart has users of its own, which are not in /etc/passwd.
ENV PATH=/opt/stratoscope/bin:/usr/local/bin:/usr/bin:/bin HOME=/nonexistent
WORKDIR /var/lib/stratoscope
ENTRYPOINT ["stratoscope"]
ARG BASE VERSION REVISION
LABEL org.opencontainers.image.title=stratoscope \
      org.opencontainers.image.description="Prometheus exporters that watch virtualised infrastructure from outside the VM" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.base.name=$BASE

# Compilers, headers and pip stay here.
FROM python AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
    gcc libc6-dev libvirt-dev pkg-config python3-dev python3-venv \
 && python3 -m venv /build
WORKDIR /src
COPY requirements requirements
RUN /build/bin/pip install --require-hashes --requirement=requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY alertmanager alertmanager
COPY prometheus prometheus
COPY grafana grafana
COPY exporters exporters
ARG VERSION
RUN SETUPTOOLS_SCM_PRETEND_VERSION=$VERSION \
    /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir=/wheels .
COPY scripts/image-venv /build/bin/

FROM build AS build-hypervisor
RUN /build/bin/image-venv hypervisor
FROM python AS hypervisor
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends libvirt0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /var/lib/dpkg/*-old
COPY --from=build-hypervisor /opt/stratoscope /opt/stratoscope
USER 65534:65534
EXPOSE 10971
CMD ["hypervisor"]

FROM build AS build-management
RUN /build/bin/image-venv management
FROM python AS management
COPY --from=build-management /opt/stratoscope /opt/stratoscope
USER 65534:65534
EXPOSE 10972
CMD ["management"]

FROM build AS build-vmprobe
RUN /build/bin/image-venv vmprobe
FROM python AS vmprobe
COPY --from=build-vmprobe /opt/stratoscope /opt/stratoscope
USER 65534:65534
EXPOSE 10973
CMD ["vmprobe"]

FROM build AS build-downtime
RUN /build/bin/image-venv downtime
FROM python AS downtime
COPY --from=build-downtime /opt/stratoscope /opt/stratoscope
USER 65534:65534
EXPOSE 10974
CMD ["downtime"]
