"""Our spans as an OTLP endpoint takes them (https://opentelemetry.io/docs/specs/otlp/).

The SDK makes five objects and a protobuf message of each span, which costs more than all else that is done for it.
`encode` writes the bytes itself; `senders` hands them to the SDK's own exporters, so that every `OTEL_*` variable
means here what it means elsewhere.
"""
