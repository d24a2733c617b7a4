"""Sessions: made once by a person at a terminal, kept in a file that only this user may read.

The files are instaloader's own, in its own place (~/.config/instaloader/session-USER), so that either program
takes the other's. Passwords and codes are asked for, handed to instaloader and forgotten.
"""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import instaloader
import requests
from instaloader.instaloader import get_default_session_filename

from pipeline.errors import ConfigError, MissingInput, SourceRefused

CODE_TRIES = 3


class _Quiet(instaloader.InstaloaderContext):
    def __init__(self) -> None:
        # The first 401 or 429 ends it: asking again only prolongs the block.
        super().__init__(sleep=False, quiet=True, max_connection_attempts=1, fatal_status_codes=[401, 429])

    def error(self, msg: str, repeat_at_end: bool = True) -> None:
        """The base class prints; our caller gets an exception."""


def login(
    user: str,
    *,
    ask_password: Callable[[], str],
    ask_code: Callable[[], str],  # for the second step, where the account has one
    session_file: Path | None = None,  # None: instaloader's own place
) -> Path:
    """Log in as `user`; gives the session file, mode 0600. Raises SourceRefused in one line."""
    context: instaloader.InstaloaderContext = _Quiet()
    try:
        try:
            context.login(user, ask_password())
        except instaloader.TwoFactorAuthRequiredException:
            _second_step(context, ask_code)
        return _save(context, session_file or session_path(user))
    except (instaloader.LoginException, requests.RequestException, KeyError, ValueError) as error:
        # Without its cause: requests' errors carry the request, and that the password.
        raise _refusal(user, error) from None
    finally:
        context.close()


def login_from_browser(browser: str, *, session_file: Path | None = None) -> tuple[str, Path]:
    """Take over the session of `browser` (firefox, chrome …); gives the user's name and the session file."""
    try:
        import browser_cookie3
    except ImportError as error:
        words = "reading a browser's cookies needs browser-cookie3: pip install browser-cookie3"
        raise MissingInput(words) from error
    context: instaloader.InstaloaderContext = _Quiet()
    try:
        cookies = _cookies(browser_cookie3, browser)
        context.update_cookies(cookies)
        user = context.test_login()
        if not user:
            raise SourceRefused(
                "login_required", f"{browser} is not logged in to instagram.com; log in there first"
            )
        context.username = user
        return user, _save(context, session_file or session_path(user))
    finally:
        context.close()


def load_session(context: instaloader.InstaloaderContext, session: str) -> None:
    """Make `context` the user of a saved session; `session` as in InstagramSpec.session."""
    path = session_path(session)
    try:
        state = path.stat()
    except OSError as error:
        rule = f"there is no session file at {path}; make it with: impasto login instagram USER"
        raise ConfigError("source.session", session, rule) from error
    if state.st_mode & 0o077 or state.st_uid != os.getuid():
        rule = f"{path} must be yours alone, since it opens your account; chmod 600 {path}"
        raise ConfigError("source.session", session, rule)
    try:
        with path.open("rb") as file:
            context.load_session_from_file(path.name.removeprefix("session-"), file)
    except (pickle.UnpicklingError, EOFError, LookupError, AttributeError, TypeError, ValueError) as error:
        rule = f"{path} is not a session of instaloader's; make it again: impasto login instagram USER"
        raise ConfigError("source.session", session, rule) from error


def session_path(session: str) -> Path:
    """The file of a user's session, or `session` itself where it is a path."""
    return Path(session).expanduser() if "/" in session else Path(get_default_session_filename(session))


def _second_step(context: instaloader.InstaloaderContext, ask_code: Callable[[], str]) -> None:
    for left in reversed(range(CODE_TRIES)):
        try:
            context.two_factor_login(ask_code().strip())
        except instaloader.BadCredentialsException:
            if not left:
                raise
        else:
            return


def _save(context: instaloader.InstaloaderContext, path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)  # mode 0600 from its first byte on
    try:
        with os.fdopen(handle, "wb") as file:
            context.save_session_to_file(file)
        Path(name).replace(path)
    except BaseException:  # Ctrl-C, too: no half a secret stays behind
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _cookies(library: ModuleType, browser: str) -> dict[str, str]:
    names = sorted(reader.__name__ for reader in library.all_browsers)
    if browser not in names:
        raise ConfigError("browser", browser, f"need one of {', '.join(names)}")
    try:
        jar = getattr(library, browser)(domain_name="instagram.com")
    except library.BrowserCookieError as error:
        raise MissingInput(f"{browser}: its cookies cannot be read ({error})") from error
    return {cookie.name: cookie.value for cookie in jar}


def _refusal(user: str, error: Exception) -> SourceRefused:
    said = " ".join(str(error).split())
    if isinstance(error, requests.RequestException):
        return SourceRefused("network", f"instagram.com cannot be reached ({type(error).__name__})")
    if "heckpoint" in said:
        return SourceRefused("checkpoint", f"{user}: {said}")
    return SourceRefused("login_required", f"{user}: not logged in ({said or type(error).__name__})")
