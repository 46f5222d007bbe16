FROM python:3.11-slim
WORKDIR /srv
COPY requirements.txt .
RUN grep -v pytest requirements.txt > run.txt && pip install --no-cache-dir -r run.txt
COPY . .
RUN pip install --no-cache-dir --no-deps .
RUN useradd --create-home stateroom && mkdir /data && chown stateroom /data
USER stateroom
ENV STATEROOM_HOST=0.0.0.0 STATEROOM_DB=/data/stateroom.db STATEROOM_INSECURE=true
EXPOSE 8103
VOLUME /data
HEALTHCHECK --interval=5s --start-period=5s CMD ["stateroom", "ready"]
CMD ["python", "app.py"]
