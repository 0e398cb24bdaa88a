"""Between the contract's errors and exceptions, in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from componentize_py_types import Err
from wit_world.imports import types

from . import errors, log

T = TypeVar("T")


def asked(call: Callable[..., T], *arguments: Any) -> T:
    """Asks the host, whose errors become exceptions."""
    try:
        return call(*arguments)
    except Err as error:
        raise _raised(error.value) from None


def answered(call: Callable[..., T], *arguments: Any) -> T:
    """Runs the connector's own code, whose exceptions become errors."""
    try:
        return call(*arguments)
    except Exception as error:
        raise Err(_told(error)) from None


def fault(fault: errors.Fault) -> types.Fault:
    """Makes the contract's fault."""
    return types.Fault(fault.setting, fault.message, fault.hint)


def _raised(error: types.Error) -> errors.Error:
    match error:
        case types.Error_Transient(value):
            return errors.Transient(value.message, value.retry_after_ms)
        case types.Error_Denied(value) if value.missing is not None:
            return errors.MissingPermission(value.message, value.missing)
        case types.Error_Denied(value):
            return errors.Denied(value.message)
        case types.Error_InvalidSettings(value):
            return errors.InvalidSettings(*(errors.Fault(f.setting, f.message, f.hint) for f in value))
        case types.Error_TokenExpired():
            return errors.TokenExpired()
        case types.Error_Refused(value):
            return errors.Refused(value)
        case _:
            return errors.Permanent(error.value)


def _told(error: Exception) -> types.Error:
    message = str(error).encode(errors="replace").decode()
    match error:
        case errors.Transient():
            return types.Error_Transient(types.Transient(message, error.retry_after_ms))
        case errors.Denied():
            return types.Error_Denied(types.Denied(message, error.missing))
        case errors.InvalidSettings():
            return types.Error_InvalidSettings([fault(one) for one in error.faults])
        case errors.TokenExpired():
            return types.Error_TokenExpired()
        case errors.Refused():
            return types.Error_Refused(message)
        case errors.Error():
            return types.Error_Permanent(message)
        case _:
            log.debug(_where(error))
            return types.Error_Permanent(f"{type(error).__name__}: {errors.quoted(message)}")


def _where(error: Exception) -> str:
    at, places = error.__traceback__, []
    while at is not None:
        places.append(f"{at.tb_frame.f_code.co_name}:{at.tb_lineno}")
        at = at.tb_next
    return f"{type(error).__name__} in {' > '.join(places)}"
