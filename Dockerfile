FROM python:3.11-slim AS build
WORKDIR /build
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir wheels .

FROM python:3.11-slim
WORKDIR /srv
COPY --from=build /build/wheels wheels
COPY constraints.txt .
RUN pip install --no-cache-dir --compile --constraint constraints.txt wheels/*.whl
# the base image comes without compiled modules, and no user of this one could write them
RUN python -m compileall -q /usr/local/lib/python3.11
RUN useradd --create-home stateroom && mkdir /data && chown stateroom /data
USER stateroom
ENV STATEROOM_HOST=0.0.0.0 STATEROOM_DB=/data/stateroom.db STATEROOM_INSECURE=true
EXPOSE 8103
VOLUME /data
HEALTHCHECK --interval=5s --start-period=5s CMD ["stateroom", "ready"]
CMD ["stateroom", "serve"]
