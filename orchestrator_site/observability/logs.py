def configure_logging(level, fmt):
    return {"version": 1, "disable_existing_loggers": False}
