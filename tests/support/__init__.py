"""What tests with real processes share: a cluster on free ports, and an OTLP receiver."""
