# One image for every program. TORCH_INDEX may name an index with another build of PyTorch (CPU only, say); without it
# the package index's own is taken, which on Linux x86 brings CUDA.
FROM python:3.12-slim

ARG TORCH_INDEX=
WORKDIR /srv/sparseift

COPY constraints.txt pyproject.toml README.md LICENSE ./
RUN grep '^torch==' constraints.txt > /tmp/torch.txt \
    && pip install --no-cache-dir --requirement /tmp/torch.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}

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
