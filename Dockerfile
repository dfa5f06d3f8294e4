# Bakeoff on an empty base: one statically linked file with the model inside.
#     cargo build --release && cp target/x86_64-unknown-linux-gnu/release/bakeoff . && docker build -t bakeoff .
FROM scratch
LABEL org.opencontainers.image.title="bakeoff" \
    org.opencontainers.image.description="Serves question answering, puts services under load, and says which is better" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY bakeoff /bakeoff
USER 65532:65532
EXPOSE 8000
ENTRYPOINT ["/bakeoff"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
