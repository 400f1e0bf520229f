"""Coming in and going out."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView


class Login(LoginView):
    """The site's own form; ``next`` is followed only to this site, which Django checks."""

    template_name = "dashboard/login.html"
    next_page = "dashboard:projects"
    redirect_authenticated_user = False


class Logout(LogoutView):
    """By POST only."""

    next_page = "dashboard:login"
