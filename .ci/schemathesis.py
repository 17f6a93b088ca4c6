"""Headers that a schema cannot ask for."""

import os
import re
import uuid

import schemathesis

KEY = "Idempotency-Key"


@schemathesis.hook
def before_call(context, case, kwargs):
    # Under the key of another request it would be refused as such.
    is_key = re.fullmatch(r"[!#-\[\]-~]{1,128}", str((case.headers or {}).get(KEY, "")))
    # The gateway asks for key and credentials before a service refuses the method.
    is_other_method = case.method != case.operation.method.upper()
    if is_key or is_other_method:
        case.headers[KEY] = str(uuid.uuid4())
    # Schemathesis takes an empty one for well-formed, and services do not.
    if (case.headers or {}).get("If-Match") == "":
        del case.headers["If-Match"]
    if is_other_method:
        case.headers["Authorization"] = f"Bearer {os.environ['TOKEN']}"
