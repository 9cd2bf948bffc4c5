"""The demonstration: data only. `services.demo` loads it."""
