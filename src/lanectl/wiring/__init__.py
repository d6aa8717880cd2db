"""The only place that builds adapters, lazily, one file a lane. Holds no logic."""
