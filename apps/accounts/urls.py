"""Addresses of people and of one's own account."""

from __future__ import annotations

from django.urls import path

from . import api
from .views import account, entry, people

app_name = "accounts"
urlpatterns = [
    path("login/", entry.sign_in, name="login"),
    path("logout/", entry.sign_out, name="logout"),
    path("setup/", entry.set_up, name="setup"),
    path("setup/progress/", entry.setup_progress, name="setup_progress"),
    path("invite/<str:uid>/<str:token>/", entry.invitation, name="invitation"),
    path("password/forgot/", entry.forgot, name="forgot"),
    path("password/reset/<str:uid>/<str:token>/", entry.reset, name="reset"),
    path("profile/", account.profile, name="profile"),
    path("profile/password/", account.password, name="password"),
    path("tokens/", account.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke/", account.revoke_token, name="revoke_token"),
    path("people/", people.people, name="people"),
    path("people/invite/", people.invite, name="invite"),
    path("profile/sessions/end/", account.end_others, name="end_others"),
    path("sessions/<uuid:device_id>/end/", account.end_session, name="end_session"),
    path("people/invitations/", people.invitations, name="invitations"),
    path("people/tokens/<uuid:token_id>/revoke/", people.revoke_token_of, name="revoke_token_of"),
    path("people/<uuid:person_id>/sessions/end/", people.end_sessions, name="end_sessions"),
    path("people/<uuid:person_id>/invitation/revoke/", people.revoke_invitation, name="revoke_invitation"),
    path("people/<uuid:person_id>/", people.person, name="person"),
    path("people/<uuid:person_id>/roles/", people.roles, name="roles"),
    path("people/<uuid:person_id>/roles/<slug:team>/", people.roles, name="team_roles"),
    path("people/<uuid:person_id>/invite/", people.invite_again, name="invite_again"),
    path("people/<uuid:person_id>/deactivate/", people.deactivate, name="deactivate"),
    path("people/<uuid:person_id>/revoke/<uuid:membership_id>/", people.revoke_role, name="revoke_role"),
]
api_urlpatterns = [
    path("me", api.me, name="me"),
    path("teams", api.teams, name="teams"),
    path("people", api.people, name="people"),
    path("me/sessions", api.my_sessions, name="my_sessions"),
    path("me/sessions/end", api.end_my_sessions, name="end_my_sessions"),
    path("me/tokens", api.my_tokens, name="my_tokens"),
    path("me/tokens/<uuid:token_id>/revoke", api.revoke_my_token, name="revoke_my_token"),
    path("sessions/<uuid:device_id>/end", api.end_session, name="end_session"),
    path("invitations", api.invitations, name="invitations"),
    path("invitations/<uuid:person_id>/send", api.send_invitation, name="send_invitation"),
    path("invitations/<uuid:person_id>/revoke", api.revoke_invitation, name="revoke_invitation"),
    path("tokens", api.tokens, name="tokens"),
    path("tokens/<uuid:token_id>/revoke", api.revoke_token, name="revoke_token"),
    path("people/<uuid:person_id>/sessions/end", api.end_sessions, name="end_sessions"),
    path("people/<uuid:person_id>/deactivate", api.deactivate, name="deactivate"),
    path("roles/<uuid:membership_id>/revoke", api.revoke_role, name="revoke_role"),
]
