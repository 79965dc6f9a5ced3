"""All rings: where the built records are found, and how hypothesis behaves on a machine under load."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# A busy machine makes single examples slow, which says nothing about the code.
settings.register_profile("gilcheck", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("gilcheck")
