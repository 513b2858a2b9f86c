# WGAN Explorer on a CPU: docs/deploy.md says how to run it.
#   docker build -t wgan-explorer .
FROM python:3.12-slim

# torch for a CPU is much smaller than the default. Its index is on PyTorch's web page, under "Get started":
#   docker build --build-arg PIP_EXTRA_INDEX_URL=... -t wgan-explorer .
ARG PIP_EXTRA_INDEX_URL

RUN useradd --create-home --uid 10001 wgan
WORKDIR /app

# The dependencies change less often than the code, so they are a layer of their own.
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt

COPY streamlit_app.py LICENSE ./
COPY .streamlit .streamlit
COPY checkpoints checkpoints
COPY pages pages
COPY wgan wgan

# Runs, links and the audit log are kept in /runs; data sets and compiled steps in /data and the home folder.
ENV WGAN_RUNS=/runs WGAN_DATA=/data WGAN_SHARE=1 WGAN_COMPILE=off \
    PYTHONUNBUFFERED=1
RUN mkdir /runs /data && chown wgan:wgan /runs /data
VOLUME ["/runs", "/data"]
USER wgan
EXPOSE 8501

# The server needs some seconds to start. Without curl in the image, Python asks.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD \
    ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/healthz', timeout=4)"]

# `exec` form: the server gets the signal to stop, and saves a checkpoint of each run within eight seconds.
STOPSIGNAL SIGTERM
# `wgan app` copies the trained examples to the folder of the runs, and then becomes the server.
CMD ["python", "-m", "wgan", "app", "--headless"]
