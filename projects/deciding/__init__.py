"""Deciding an approval on a page: what is shown, the form, and the way of an answer to the service.

The Django admin and the pages of the site show and take the same; both do it with this package. What agents
wrote is data here: it is shown as plain text, with every invisible character named, and never as markup.
"""
