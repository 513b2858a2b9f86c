"""Who may open the app, and what each visitor may do. Nothing here needs torch or Streamlit."""

from wgan.access.audit import audit, configure
from wgan.access.door import Door, Knock, Refusal, own_address
from wgan.access.owners import Owners
from wgan.access.roles import LOCAL_VISITOR, Limits, Role, Visitor
from wgan.access.settings import AccessSettings, SettingError, limit_variable
from wgan.access.tokens import ShareTokens
from wgan.access.uploads import UploadMeter

__all__ = [
    "LOCAL_VISITOR",
    "AccessSettings",
    "Door",
    "Knock",
    "Limits",
    "Owners",
    "Refusal",
    "Role",
    "SettingError",
    "ShareTokens",
    "UploadMeter",
    "Visitor",
    "audit",
    "configure",
    "limit_variable",
    "own_address",
]
