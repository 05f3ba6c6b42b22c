# safla in a container: not as root, what it writes is in the volume /runs. README.md says how to use it.
FROM python:3.12-slim
ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY .lock/run.txt .lock/run.txt
RUN pip install --require-hashes --only-binary :all: --no-deps --requirement .lock/run.txt
COPY pyproject.toml wheel_tag.py README.md LICENSE ./
COPY safla safla
RUN pip install --no-deps --no-build-isolation .
# the engine library, into the package
RUN safla engine build --to "$(python -c 'import safla.compiled; print(safla.compiled.__path__[0])')"
# any user may write there, so that --user "$(id -u)" works too
RUN mkdir -m 1777 /runs
ENV XDG_CACHE_HOME=/runs/.cache
USER 1000:1000
WORKDIR /runs
VOLUME /runs
ENTRYPOINT ["safla"]
CMD ["run", "config.yaml"]
