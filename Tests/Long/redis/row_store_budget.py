"""A budget of expiry over Redis, where it counts once for all members: seen from outside, at each of two."""

import http.client
import json
import os
import signal
import time

from cluster import Failed
from engines import Single, check, wait_until
from rows import row
from store import GRACE_SECONDS, StoreCluster, flavor, is_in_memory

# Of these fall silent, and others live.
SILENT, LIVING = 60, 40
SILENT_TTL = 5
LIVING_TTL = 3_600
SHARE = 20
MINUTE_SECONDS = 60
# Longer than a minute of the budget, shorter than two.
HOLD_SECONDS = 110
# A lease ends within 1 s of its time, and members hear of it at once; the machine may be busy.
SLACK_SECONDS = 6
# The oldest deadline goes first, to a tenth of a second (R870).
APART_SECONDS = 0.3
# Namespaces, by AUTH_MODE=trusted: one in which many fall silent, and one that has nothing to do with it.
BUSY, CALM = "busy", "calm"


def share(instances):
    """How many of so many may run out in a minute."""
    return max(10, instances * SHARE // 100)


# Those before the one go in the first minute, those before the other by the second.
FIRST = share(SILENT + LIVING)
SECOND = FIRST + share(SILENT + LIVING - FIRST)


def ask(member, method, path, body=None, namespace=BUSY):
    """Status, header fields, and of JSON the value."""
    connection = http.client.HTTPConnection("127.0.0.1", member.port, timeout=10)
    try:
        fields = {"Content-Type": "application/json", "Authorization": f"Bearer {namespace}"}
        connection.request(method, path, None if body is None else json.dumps(body), fields)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status, answer.headers, json.loads(text) if text[:1] in (b"{", b"[") else None
    finally:
        connection.close()


def register(member, name, ttl, namespace=BUSY):
    """The id."""
    body = {"service_name": "of-a-budget", "endpoint": {"type": "tcp", "value": f"{name}:80"}, "ttl": ttl}
    # On a busy machine Redis may be away for a moment, as members see it.
    status, _, value = wait_until(
        "a registration to be taken", lambda: (answer := ask(member, "POST", "/api/v1/instances", body, namespace))[0] != 503 and answer, 20)
    check(status in (200, 201), f"a registration was answered {status}: {value}")
    return value["id"]


def listed(member, namespace=BUSY):
    """The endpoints of what it lists, but for what lives, all of which has to be there."""
    status, _, value = ask(member, "GET", "/api/v1/instances", None, namespace)
    check(status == 200, f"a look-up at {member} was answered {status}")
    names = {one["endpoint"]["value"] for one in value["instances"]}
    living = {name for name in names if name.startswith("living")}
    check(namespace == CALM or len(living) == LIVING, f"{member} lists {len(living)} of the {LIVING} that live")
    return names - living


def names(first, last=SILENT):
    return {f"silent-{number}:80" for number in range(first, last)}


class Silence:
    """Members of which one instance after the other falls silent. Knows when the first lease is over, and the last."""

    def __init__(self, members):
        self.members = list(members)
        for number in range(LIVING):
            register(self.turn(number), f"living-{number}", LIVING_TTL)
        for member in self.members:
            wait_until(f"{member} to list what lives",
                       lambda member=member: len(ask(member, "GET", "/api/v1/instances")[2]["instances"]) == LIVING, SLACK_SECONDS)
        began, self.ids = time.monotonic(), []
        for number in range(SILENT):
            if number in (FIRST, SECOND):
                time.sleep(APART_SECONDS)
            self.ids.append(register(self.turn(number), f"silent-{number}", SILENT_TTL))
        self.first, self.last = began + SILENT_TTL, time.monotonic() + SILENT_TTL

    def turn(self, number):
        return self.members[number % len(self.members)]

    def wait_listed(self, expected, until, why):
        """Until each member lists these and no other, by a moment. Where Redis was away on a busy machine no lease ends for some time."""
        for member in self.members:
            wait_until(f"{member} to list {len(expected)} of the silent, {why}", lambda member=member: listed(member) == expected,
                       max(0, until - time.monotonic()) + SLACK_SECONDS + GRACE_SECONDS)

    def watch(self, expected, until):
        """Up to a second before a moment each lists these and no other."""
        while time.monotonic() < until - 1:
            for member in self.members:
                found = listed(member)
                if time.monotonic() < until - 1:
                    check(found == expected, f"{member} lists {sorted(found)} of the silent, {until - time.monotonic():.1f} s too early")
            time.sleep(0.5)

    def wait_said(self, held):
        """Until it is said, wherever it can be, that so many are held back. To another namespace it is never said."""
        for member in self.members:
            said = None

            def is_said():
                nonlocal said
                said = self.said(member)
                return said == (held, held, 1, True)

            try:
                wait_until(f"{member} to say that {held} are held back", is_said, SLACK_SECONDS)
            except Failed as failure:
                raise Failed(f"{failure}; it says {said}") from None
            stale = ask(member, "GET", "/api/v1/instances", None, CALM)[1].get("X-Registry-Stale")
            check(stale is None, f"look-ups of another namespace at {member} have been stale for {stale} s")

    @staticmethod
    def said(member):
        """How many are held back by /uptime and by the metrics, of which cause, and whether look-ups say so."""
        status, _, value = ask(member, "GET", "/uptime")
        check(status == 200, f"/uptime of {member} is {status}: {value}")
        properties = value.get("EXPIRY", {}).get("properties", {})
        return (properties.get("overdue"), member.metric("a8registry_instances_overdue"), "silence" in properties,
                "X-Registry-Stale" in ask(member, "GET", "/api/v1/instances")[1])

    def wait_over(self):
        for member in self.members:
            wait_until(f"{member} to hold nothing", lambda member=member: self.said(member)[1:3] == (0, False), SLACK_SECONDS)


def members_with(run, engines, settings):
    return StoreCluster(run, engines, size=2, settings={"AUTH_MODE": "trusted", **settings})


@row(seconds=300)
def budget_holds_back(run):
    """Of 100 instances 60 fall silent, and a fifth may expire in a minute: 20 do, a minute later 16, and the rest by EXPIRY_HOLD; both members say so.

    The oldest goes first, one that is heard again stays, and another namespace is not concerned.
    """
    if is_in_memory():
        return
    with Single(flavor()) as single, members_with(run, single, {"EXPIRY_BUDGET": f"{SHARE}%", "EXPIRY_HOLD": f"{HOLD_SECONDS}s"}) as members:
        members.start()
        for number in range(3):
            register(members[0], f"calm-{number}", SILENT_TTL, CALM)
        silence = Silence(members)
        silence.wait_listed(names(FIRST), silence.last, "as the first minute lets them")
        for member in members:
            wait_until(f"{member} to list nothing of another namespace", lambda member=member: not listed(member, CALM), SLACK_SECONDS)
        silence.wait_said(SILENT - FIRST)
        # One by a heartbeat that stays the only one, one for good.
        check(ask(members[1], "PUT", f"/api/v1/instances/{silence.ids[-1]}/heartbeat")[0] == 200, "a heartbeat of one that is held back was refused")
        register(members[0], f"silent-{SILENT - 2}", LIVING_TTL)
        silence.watch(names(FIRST), silence.first + MINUTE_SECONDS)
        silence.wait_listed(names(SECOND), silence.first + MINUTE_SECONDS, "as the second minute lets them")
        run.say(f"{FIRST} expired in the first minute, {SECOND - FIRST} when the second began, {time.monotonic() - silence.first:.1f} s after the first")
        silence.wait_said(SILENT - SECOND - 1)
        silence.watch(names(SECOND), silence.first + HOLD_SECONDS)
        # The one that was heard once has its end later, by as long as the first minute's checks took.
        silence.wait_listed(names(SILENT - 2, SILENT - 1), silence.last + HOLD_SECONDS + 3 * SLACK_SECONDS, "at the end of EXPIRY_HOLD")
        silence.wait_over()


@row(seconds=180)
def budget_is_lifted(run):
    """A budget holds back what fell silent; taken away from the file of settings of both members, it lets all go at once, and what lives stays."""
    if is_in_memory():
        return
    with Single(flavor()) as single:
        file = single.folder / "settings"
        file.write_text(f"EXPIRY_BUDGET={SHARE}%\n")
        with members_with(run, single, {"CONFIG_FILE": str(file), "EXPIRY_HOLD": f"{HOLD_SECONDS}s"}) as members:
            members.start()
            silence = Silence(members)
            silence.wait_listed(names(FIRST), silence.last, "as the first minute lets them")
            silence.wait_said(SILENT - FIRST)
            file.write_text("EXPIRY_BUDGET=off\n")
            for member in members:
                os.kill(member.process.pid, signal.SIGHUP)
            silence.wait_listed(set(), time.monotonic(), "without a budget")
            silence.wait_over()
