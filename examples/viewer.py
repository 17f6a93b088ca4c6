#!/usr/bin/env python3
"""Plays a viewer of streaming, with a client that it makes of the gateway's OpenAPI document. No package is needed:
    . target/demo/streaming/env; examples/viewer.py
"""
import json, os, subprocess, sys, time, uuid
from urllib import error, parse, request

class Refused(Exception):
    """An answer that refuses, with a sentence for people."""
    def __init__(self, problem):
        super().__init__(f"{problem['status']}: {problem['detail']}")
        self.status = problem["status"]

class Client:
    """A method for each operation: its parameters, and the fields of its body, are the method's arguments."""
    def __init__(self, url):
        self.url, self.token = url, None
        self.document = self.send("GET", "/openapi.json", {}, None, [200])
        for path, operations in self.document["paths"].items():
            for method, operation in operations.items():
                setattr(self, operation["operationId"], self.made(method.upper(), path, operation))

    def schema(self, schema):
        name = schema.get("$ref", "").removeprefix("#/components/schemas/")
        return self.document["components"]["schemas"][name] if name else schema

    def made(self, method, path, operation):
        parameters = {p["name"].replace("-", "_").lower(): p for p in operation.get("parameters", [])}
        media = operation.get("requestBody", {}).get("content", {}).get("application/json")
        body = self.schema(media["schema"]) if media else {}
        fields = body.get("properties", {})
        # `default` stands for every other refusal.
        answers = {int(status) for status in operation["responses"] if status != "default"} | set(range(400, 600))
        needed = {name for name, p in parameters.items() if p["required"]} | set(body.get("required", []))

        def call(**given):
            unknown, missing = given.keys() - parameters.keys() - fields.keys(), needed - given.keys()
            if unknown or missing:
                raise TypeError(f"{operation['operationId']}: unknown {unknown}, missing {missing}")
            at, query, headers = path, {}, {}
            for name, p in parameters.items():
                if name in given and p["in"] == "path":
                    at = at.replace("{%s}" % p["name"], parse.quote(str(given[name]), safe=""))
                elif p["in"] == "query" and name in given:
                    query[p["name"]] = given[name]
                elif p["in"] == "header":
                    headers[p["name"]] = given.get(name, str(uuid.uuid4()))
            if query:
                at += "?" + parse.urlencode(query)
            sent = {name: given[name] for name in fields if name in given} if media else None
            return self.send(method, at, headers, sent, answers)
        return call

    def send(self, method, path, headers, body, answers):
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        data = None if body is None else json.dumps(body).encode()
        # 429 and 503 have changed nothing. The others may have, but the same request under its key takes effect once.
        again = {429, 503} | ({502, 504} if method != "POST" or "Idempotency-Key" in headers else set())
        for _ in range(60):
            asked = request.Request(self.url + path, data, headers, method=method)
            try:
                with request.urlopen(asked, timeout=60) as answer:
                    status, text, wait = answer.status, answer.read(), 0
            except error.HTTPError as refusal:
                status, text, wait = refusal.code, refusal.read(), float(refusal.headers.get("Retry-After", 1))
            if status not in again:
                break
            time.sleep(wait)
        if status not in answers:
            sys.exit(f"error: {method} {path} answered {status}, which the document does not have: {text}")
        if status >= 400:
            raise Refused(json.loads(text))
        return json.loads(text) if text else None

def signed_in(account):
    """A token, as an identity provider makes it; here the gateway's own command does."""
    made = [os.environ["TOKEN"], "--subject", account, "--scopes", "streaming:watch"]
    return subprocess.check_output(made, text=True).strip()

def until(ask, holds):
    """Asks until the answer holds: events take their time."""
    for _ in range(600):
        answer = ask()
        if holds(answer):
            return answer
        time.sleep(0.1)
    sys.exit(f"error: it stays so for a minute: {answer}")

def playing(client, **start):
    """Starts a session, and sends its first sign of life. A session that was lost meanwhile (410) is started anew."""
    for _ in range(20):
        session = client.start_session(**start)["session_id"]
        read = until(lambda: client.read_session(session_id=session), lambda read: read["status"] != "requested")
        if read["status"] == "refused":
            sys.exit(f"error: {read['detail']}")
        try:
            client.send_heartbeat(session_id=session, number=1, position_seconds=1, watched_seconds=1)
            return session
        except Refused as refused:
            if refused.status != 410:
                raise
    sys.exit("error: every session was lost at once")

def main():
    client = Client(os.environ["GATEWAY"])
    email = f"{uuid.uuid4()}@example.org"
    account = client.sign_up(email=email, name="Vera", plan="basic", region="DE")["account_id"]
    client.token = signed_in(account)
    devices = [client.add_device(account_id=account, name=name)["device_id"] for name in ("Sofa", "Train")]
    found = client.search_titles(q="harbour")["items"]
    here = [it for it in found if it["min_age"] == 0 and any(right["region"] == "DE" for right in it["rights"])]
    # The viewers of the demo have some of the newer ones withdrawn.
    title = min(here, key=lambda it: it["published_at"])["title_id"]
    start = {"account_id": account, "title_id": title}

    one, again = (client.start_session(device_id=devices[0], idempotency_key="the-one", **start) for _ in range(2))
    assert one["session_id"] == again["session_id"], "a request that comes again under its key is the same session"
    client.stop_session(session_id=one["session_id"])

    first = playing(client, device_id=devices[0], **start)
    print("it plays on the sofa")
    # This plan stops the oldest stream.
    second = playing(client, device_id=devices[1], **start)
    print("it plays on the train")
    try:
        client.send_heartbeat(session_id=first, number=2, position_seconds=2, watched_seconds=2)
        sys.exit("error: a plan for one has two streams")
    except Refused as refused:
        assert refused.status == 410, refused
        print("on the sofa:", refused)
    client.stop_session(session_id=second)
    positions = until(lambda: client.list_positions(account_id=account)["items"], bool)
    assert [it["title_id"] for it in positions] == [title], positions
    print("where to go on:", positions[0]["position_seconds"], "seconds")
    client.close_account(account_id=account)
    closure = until(lambda: client.read_closure(account_id=account), lambda closure: not closure["missing"])
    print("closed, and erased everywhere at", closure["erased_at"])

if __name__ == "__main__":
    try:
        main()
    except (OSError, Refused) as failed:
        sys.exit(f"error: {failed}")
