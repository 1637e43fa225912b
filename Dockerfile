# One image for every program. The CPU build of PyTorch by default; TORCH_INDEX chooses another.
FROM python:3.12-slim

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /srv/sparseift

COPY constraints.txt pyproject.toml README.md LICENSE ./
RUN grep '^torch==' constraints.txt > /tmp/torch.txt \
    && pip install --no-cache-dir --requirement /tmp/torch.txt --index-url "$TORCH_INDEX" --extra-index-url https://pypi.org/simple

COPY sparseift sparseift
COPY analysis analysis
COPY store store
COPY service service
COPY worker worker
COPY migrations migrations
RUN pip install --no-cache-dir --constraint constraints.txt --editable ".[all]" \
    && useradd --create-home sparseift \
    && install -d -o sparseift /data

USER sparseift
ENV PYTHONUNBUFFERED=1 SPARSEIFT_DATA=/data
VOLUME /data
