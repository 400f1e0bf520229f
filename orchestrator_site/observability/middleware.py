def RequestIdMiddleware(get_response):
    return get_response
