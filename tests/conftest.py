"""What all tests share."""

from hypothesis import HealthCheck, settings

# No test is about time: a machine that is busy for a moment must not fail one.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
