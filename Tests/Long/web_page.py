#!/usr/bin/env python3
"""Opens the registry's page in a real Chromium, and has it show and change what is registered.

Usage: web_page.py [--registry PATH] [--venv DIR] [CHECK...]

selenium is installed into the virtual environment when it is not there yet; chromium and chromium-driver are Debian's.
Pictures of each view, light and dark, are left in .build/page. Exits with 0 only when everything passed: after each check
the console must be without an error, and no host but the registry's may have been asked for anything.
"""

import contextlib
import importlib.util
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.parse
import venv

import checks
from cluster import free_port
from running_registry import RunningRegistry

REQUIREMENT = "selenium==4.51.0"
PICTURES = checks.ROOT / ".build" / "page"
# The page gathers changes for a quarter of a second; the machine may be busy.
SHOWN_SECONDS = 20
HOSTILE = "<img src=x onerror=document.title='markup'>&amp;\"'`${1}"
# As many elements as there may be, however many instances.
ROWS_IN_SIGHT = 120


class Page:
    """A browser with the page of a registry open."""

    def __init__(self, url, *, dark=False):
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
        options = webdriver.ChromeOptions()
        # The tests may run as root, in a container, where Chromium's own sandbox cannot start.
        for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1360,850"):
            options.add_argument(argument)
        if dark:
            options.add_argument("--force-dark-mode")
            options.add_argument("--blink-settings=preferredColorScheme=0")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.url = url
        self.browser = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.browser.set_page_load_timeout(SHOWN_SECONDS)
        self.expected = []
        self.browser.get(url + "/ui/")

    def find(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, selector="main"):
        return self.browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(found => found.innerText).join('\\n')", selector)

    def wait(self, what, is_so):
        """Waits until something is so, and gives what it came to."""
        deadline = time.monotonic() + SHOWN_SECONDS
        while True:
            found = is_so()
            if found:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {SHOWN_SECONDS} s for {what}; the page shows:\n{self.text('body')[:1500]}")
            time.sleep(0.05)

    def wait_for(self, text, selector="main"):
        self.wait(f"{text!r} in {selector}", lambda: text in self.text(selector))

    def wait_without(self, text, selector="main"):
        self.wait(f"no {text!r} in {selector}", lambda: text not in self.text(selector))

    def wait_live(self):
        self.wait("the stream", lambda: self.text("#live") == "live")

    def view(self, name):
        self.click(f'nav a[href="#/{name}"]')

    def click(self, selector, text=None):
        """Clicks the first element of a selector, or the one with a text, as soon as it is there."""
        def clicked():
            for found in self.find(selector):
                if text is None or found.text == text:
                    found.click()
                    return True
            return False
        self.wait(f"{text or selector} to click", clicked)

    def type(self, selector, text):
        field = self.one(selector)
        field.clear()
        field.send_keys(text)

    def picture(self, name):
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.browser.save_screenshot(str(PICTURES / f"{name}.png"))

    def check(self):
        """Throws if the console has an error that was not expected, or another host was asked."""
        for entry in self.browser.get_log("browser"):
            if entry["level"] == "SEVERE" and not any(words in entry["message"] for words in self.expected):
                raise AssertionError(f"the console says: {entry['message']}")
        host = urllib.parse.urlsplit(self.url).netloc
        for entry in self.browser.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                asked = urllib.parse.urlsplit(event["params"]["request"]["url"])
                if asked.scheme in ("http", "https", "ws", "wss") and asked.netloc != host:
                    raise AssertionError(f"the page asked {asked.geturl()}")


@contextlib.contextmanager
def page(options, settings=(), **of_page):
    with RunningRegistry(options.registry, dict(settings)) as registry:
        shown = Page(registry.url, **of_page)
        try:
            yield registry, shown
            shown.check()
        finally:
            shown.browser.quit()


def ask(registry, method, path, body=None, token=None):
    connection = registry.connect()
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status < 300, f"{method} {path}: {answer.status} {content!r}"
    return json.loads(content or b"null")


def register(registry, name, number=1, token=None, **fields):
    endpoint = {"type": "http", "value": f"10.0.{number // 250}.{number % 250}:8080"}
    body = {"service_name": name, "endpoint": endpoint, "ttl": 120, **fields}
    return ask(registry, "POST", "/api/v1/instances", body, token)["id"]


def what_is_registered_appears_and_what_is_removed_goes(options):
    with page(options) as (registry, shown):
        shown.wait_live()
        shown.wait_for("No service is registered.")
        one = register(registry, "reviews", tags=["v1"], metadata={"zone": "eu-west"})
        shown.wait_for("reviews")
        shown.wait_for("eu-west")
        register(registry, "ratings", 2, ttl=2)
        shown.wait_for("ratings")
        # Nobody renews it.
        shown.wait_without("ratings")
        ask(registry, "DELETE", f"/api/v1/instances/{one}")
        shown.wait_for("No service is registered.")
        shown.view("events")
        shown.wait_for("registered")
        from selenium.webdriver.support.select import Select
        Select(shown.one("#kind")).select_by_value("lost")
        shown.wait("the lost alone", lambda: "expired" in shown.text(".rows") and "deregistered" in shown.text(".rows")
                   and "\nregistered" not in shown.text(".rows"))


def an_instance_is_found_by_service_tag_zone_and_status(options):
    with page(options) as (registry, shown):
        register(registry, "reviews", 1, tags=["v1"], metadata={"zone": "eu"})
        register(registry, "reviews", 2, tags=["v2"], metadata={"zone": "us"}, status="STARTING")
        register(registry, "ratings", 3, tags=["v1"], metadata={"zone": "us"})
        shown.view("instances")
        shown.wait_for("3 instances")
        for query, addresses in (("tag:v1", "13"), ("zone:us", "23"), ("status:starting", "2"), ("service:reviews tag:v1", "1"),
                                 ("10.0.0.3", "3"), ("nothing-like-it", ""), ('service:"ratings"', "3")):
            shown.type("#search", query)
            wanted = {f"10.0.0.{number}:8080" for number in addresses}
            shown.wait(f"{wanted} for {query}", lambda: {word for word in shown.text(".rows").split() if word.startswith("10.0.0.")} == wanted)
        # The address names the view and its search.
        assert "service%3A%22ratings%22" in shown.browser.current_url, shown.browser.current_url


def hostile_names_are_text(options):
    with page(options) as (registry, shown):
        register(registry, HOSTILE, 1, tags=[HOSTILE.replace(",", "")], metadata={"zone": HOSTILE, "<b>": HOSTILE})
        shown.wait_for(HOSTILE)
        shown.view("instances")
        shown.wait_for(HOSTILE)
        shown.click(".rows [role=row]")
        shown.wait_for(HOSTILE, ".panel")
        shown.view("events")
        shown.wait_for(HOSTILE)
        assert not shown.find("main img"), "a name became an element"
        assert shown.browser.title == "Events · Registry", shown.browser.title


def a_status_is_set_and_lifted_and_an_instance_removed_after_a_question(options):
    with page(options) as (registry, shown):
        one = register(registry, "reviews", 1)
        status = lambda: ask(registry, "GET", f"/api/v1/instances/{one}")["status"]
        shown.view("instances")
        shown.click(".rows [role=row]")
        shown.click(".panel button", "Set status…")
        shown.wait_for("Set the status of reviews", "dialog")
        shown.click("dialog button", "Cancel")
        shown.wait("the dialog to close", lambda: not shown.find("dialog"))
        assert status() == "UP"
        shown.click(".panel button", "Set status…")
        shown.click("dialog button", "Set status")
        shown.wait_for("OUT_OF_SERVICE")
        shown.wait_for("overridden")
        assert status() == "OUT_OF_SERVICE"
        shown.picture("panel")
        shown.click(".panel button", "Lift status…")
        shown.click("dialog button", "Lift")
        shown.wait_without("overridden")
        assert status() == "UP"
        shown.click(".panel button", "Drain…")
        shown.click("dialog button", "Drain")
        shown.wait_for("overridden")
        assert "drain_until" in ask(registry, "GET", f"/api/v1/instances/{one}")
        shown.click(".panel button", "Lift status…")
        shown.click("dialog button", "Lift")
        shown.wait_without("overridden")
        assert "drain_until" not in ask(registry, "GET", f"/api/v1/instances/{one}")
        shown.click(".panel button", "Deregister…")
        shown.click("dialog button", "Deregister")
        shown.wait_for("is not registered any more")
        # Of one that is gone meanwhile the refusal is shown in the registry's words.
        two = register(registry, "reviews", 2)
        shown.click(".rows [role=row]")
        shown.click(".panel button", "Deregister…")
        ask(registry, "DELETE", f"/api/v1/instances/{two}")
        shown.expected.append("410")
        shown.click("dialog button", "Deregister")
        shown.wait("the refusal", lambda: "instance" in shown.text("dialog .refusal"))


def a_whole_service_is_taken_out_and_put_back_after_a_question(options):
    with page(options) as (registry, shown):
        ids = [register(registry, "reviews", number) for number in range(3)]
        register(registry, "ratings", 9)
        statuses = lambda: {ask(registry, "GET", f"/api/v1/instances/{one}")["status"] for one in ids}
        shown.view("instances")
        shown.wait_for("ratings")
        assert not shown.find("[aria-label=Service]:not([hidden])")
        shown.type("#search", "service:reviews")
        shown.click("[aria-label=Service] button", "Set status of all…")
        shown.wait_for("all instances of reviews", "dialog")
        shown.click("dialog button", "Cancel")
        shown.wait("the dialog to close", lambda: not shown.find("dialog"))
        assert statuses() == {"UP"}
        shown.click("[aria-label=Service] button", "Set status of all…")
        shown.click("dialog button", "Set status")
        shown.wait_for("All of them: OUT_OF_SERVICE since", "[aria-label=Service]")
        shown.wait("all to be shown as overridden", lambda: shown.text(".rows").count("overridden") == 3)
        assert statuses() == {"OUT_OF_SERVICE"}
        shown.picture("service")
        # One that is set for itself counts before it.
        ask(registry, "PUT", f"/api/v1/instances/{ids[0]}/status?value=UP")
        shown.wait("one to be shown as it is", lambda: shown.text(".rows").count("overridden") == 2)
        shown.click("[aria-label=Service] button", "Lift status of all…")
        shown.click("dialog button", "Lift")
        shown.wait_without("All of them", "[aria-label=Service]")
        assert statuses() == {"UP"}
        shown.click("[aria-label=Service] button", "Drain all…")
        shown.click("dialog button", "Drain all")
        shown.wait_for("leaving at", "[aria-label=Service]")
        # By somebody else, which the instances tell.
        ask(registry, "DELETE", "/api/v1/services/reviews/drain")
        shown.wait_without("leaving at", "[aria-label=Service]")


def tenants_sign_in_and_see_their_own(options):
    with page(options, {"AUTH_MODE": "trusted"}) as (registry, shown):
        shown.expected.append("401")
        register(registry, "mine", 1, token="tenant-a")
        register(registry, "theirs", 2, token="tenant-b")
        shown.wait_for("Sign in", "dialog")
        shown.type("#token", "tenant-a")
        shown.click("dialog button", "Sign in")
        shown.wait_for("mine")
        assert "theirs" not in shown.text()
        for kept in ("location.href", "document.cookie", "JSON.stringify(localStorage)", "JSON.stringify(sessionStorage)"):
            assert "tenant-a" not in shown.browser.execute_script(f"return {kept}"), kept
        shown.view("events")
        shown.wait_for("registered")
        shown.click("#sign-out")
        shown.wait_for("Sign in", "dialog")
        assert "mine" not in shown.text()
        shown.type("#token", "tenant-b")
        shown.click("dialog button", "Sign in")
        shown.view("services")
        shown.wait_for("theirs")


def an_operator_looks_at_any_namespace(options):
    token = OPERATOR
    with page(options, {"AUTH_MODE": "trusted", "OPERATOR_TOKEN": token, "OPERATIONS_AUTH": "operator"}) as (registry, shown):
        shown.expected.append("401")
        register(registry, "theirs", 1, token="tenant-b")
        shown.wait_for("Sign in", "dialog")
        shown.type("#token", token)
        shown.click("#operator")
        shown.click("dialog button", "Sign in")
        shown.wait_for("No service is registered.")
        shown.wait("the namespaces", lambda: [option.get_attribute("value") for option in shown.find("#namespaces option")] == ["tenant-b"])
        shown.type("#namespace", "tenant-b\n")
        shown.wait_for("theirs")
        shown.type("#namespace", "default\n")
        shown.wait_for("No service is registered.")
        shown.view("namespaces")
        shown.wait("what the namespace holds and asks", lambda: "1 namespace" in shown.text("main") and [
            cell.text for cell in shown.find("main .rows [role=gridcell]")][:3] == ["tenant-b", "1", "1"])
        shown.click("main .rows [role=gridcell]", "tenant-b")
        shown.wait_for("theirs")
        assert "#/services" in shown.browser.current_url
        for view in ("members", "health"):
            shown.view(view)
            shown.wait(f"{view} without a refusal", lambda: len(shown.text("main")) > 60 and "operator" not in shown.text("main"))
        assert token not in shown.browser.current_url


OPERATOR = "an-operator-s-token-of-more-than-32-bytes"


def sign_in_as_operator(shown):
    """Without a word of the registry, which takes everybody: by the button."""
    shown.click("#sign-in")
    shown.wait_for("Sign in", "dialog")
    shown.type("#token", OPERATOR)
    shown.click("dialog button", "Sign in")
    shown.wait_live()


def readiness(registry):
    connection = registry.connect()
    connection.request("GET", "/readyz")
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content["reason"]


def an_operator_drains_this_member_and_takes_it_back(options):
    with page(options, {"OPERATOR_TOKEN": OPERATOR}) as (registry, shown):
        register(registry, "reviews")
        shown.view("members")
        shown.wait_for("this registry is alone")
        # Nobody else is offered it, and who gives up signing in goes on.
        assert not shown.one("main .actions").is_displayed()
        shown.click("#sign-in")
        shown.click("dialog button", "Cancel")
        shown.wait("the dialog to close", lambda: not shown.find("dialog"))
        shown.wait_live()
        sign_in_as_operator(shown)
        shown.wait_for("this registry is alone")
        shown.click("main .actions button", "Drain this member…")
        shown.wait_for("Drain this member?", "dialog")
        shown.click("dialog button", "Cancel")
        shown.wait("the dialog to close", lambda: not shown.find("dialog"))
        assert readiness(registry)[0] == 200
        # The health view asks the pages of readiness, whose 503 the console tells.
        shown.expected.append("503")
        shown.click("main .actions button", "Drain this member…")
        shown.click("dialog button", "Drain")
        shown.wait_for("an operator has drained it")
        shown.wait("the drained state", lambda: shown.text("main h2 .badge") == "drained")
        assert readiness(registry) == (503, "operator"), readiness(registry)
        shown.picture("member-drained")
        # It serves on, and the stream that was ended is there again.
        shown.view("services")
        shown.wait_for("reviews")
        shown.wait_live()
        shown.view("health")
        shown.wait_for("operator")
        shown.view("members")
        shown.click("main .actions button", "Take it back…")
        shown.click("dialog button", "Take it back")
        shown.wait("it to be ready", lambda: shown.text("main h2 .badge") == "ready")
        assert readiness(registry)[0] == 200
        # A change is in the page's confirmation alone, never by a link.
        assert OPERATOR not in shown.browser.current_url


@contextlib.contextmanager
def pair(options, **settings):
    """Two members of one registry, and the page of the first."""
    ports = [free_port(), free_port()]
    peers = ",".join(f"127.0.0.1:{port}" for port in ports)

    def member(number):
        return RunningRegistry(options.registry, {
            "REPLICATION": "true", "REPLICATION_PORT": str(ports[number]), "ADVERTISE_ADDRESS": f"127.0.0.1:{ports[number]}",
            "CLUSTER_PEERS": peers, "MEMBER_NAME": f"member-{number + 1}", "SYNC_TIMEOUT": "2s", **settings})

    with member(0) as one, member(1) as two:
        shown = Page(one.url)
        try:
            yield one, two, shown
            shown.check()
        finally:
            shown.browser.quit()


def a_newcomer_finds_each_answer_in_under_a_minute(options):
    """From the open page by what it shows: who is registered, what was lost, which member is behind, why a client was refused."""
    with pair(options, OPERATOR_TOKEN=OPERATOR) as (one, two, shown):
        register(one, "reviews", 1)
        gone = register(one, "ratings", 2)
        ask(one, "DELETE", f"/api/v1/instances/{gone}")
        connection = one.connect()
        connection.request("POST", "/api/v1/instances", "{\"service_name\":\"\"}", {"Content-Type": "application/json"})
        sentence = json.loads(connection.getresponse().read())["Error"]
        connection.close()

        def timed(what, find):
            began = time.monotonic()
            find()
            taken = time.monotonic() - began
            print(f"  {what}: {taken:.1f} s", flush=True)
            assert taken < 60, what

        timed("who is registered", lambda: shown.wait_for("reviews", ".rows"))

        def lost():
            from selenium.webdriver.support.select import Select
            shown.view("events")
            Select(shown.wait("the choice", lambda: shown.find("#kind"))[0]).select_by_visible_text("lost in the last five minutes")
            shown.wait("the lost alone", lambda: "ratings" in shown.text(".rows") and "reviews" not in shown.text(".rows"))
        timed("what was lost in the last five minutes", lost)

        def behind():
            shown.view("members")
            shown.wait_for("No member is behind.")
            # It is taken for lost after some seconds, so on a busy machine it may have to be stopped again.
            for attempt in range(5):
                os.kill(two.process.pid, signal.SIGSTOP)
                try:
                    register(one, "details", 3 + attempt)
                    shown.wait_without("No member is behind.")
                    seen = shown.text()
                    if "Behind: member-2." in seen:
                        assert "1 change" in seen, seen
                        shown.picture("member-behind")
                        break
                finally:
                    os.kill(two.process.pid, signal.SIGCONT)
                shown.wait_for("No member is behind.")
            else:
                raise AssertionError("a member that was stopped was never behind")
            shown.wait_for("No member is behind.")
        timed("which member is behind", behind)

        def refused():
            shown.view("health")
            shown.wait_for(sentence, ".rows")
        timed("why a client was refused", refused)

        # That the other is drained is seen here too.
        ask(two, "PUT", "/api/v1/cluster/drain", token=OPERATOR)
        shown.view("members")
        shown.wait_for("Drained by an operator: member-2.")


def the_stream_goes_on_after_a_restart(options):
    with page(options) as (registry, shown):
        register(registry, "reviews", 1)
        shown.wait_for("reviews")
        shown.expected += ["ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET"]
        port = registry.port
        registry.stop()
        shown.wait("the loss to be told", lambda: shown.text("#live") != "live")
        with RunningRegistry(options.registry, {"API_PORT": str(port)}) as second:
            register(second, "ratings", 2)
            shown.wait_live()
            shown.wait_for("ratings")
            shown.wait_without("reviews")


def ten_thousand_instances_are_a_few_elements(options):
    with page(options) as (registry, shown):
        connection = registry.connect()
        for number in range(10_000):
            body = {"service_name": f"service-{number % 100:03}", "ttl": 600, "tags": [f"v{number % 7}"],
                    "endpoint": {"type": "http", "value": f"10.{number // 250}.{number % 250}.1:80"}, "metadata": {"zone": f"zone-{number % 3}"}}
            connection.request("POST", "/api/v1/instances", json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 201, answer.status
        connection.close()
        shown.view("instances")
        shown.wait_for("10,000 instances")
        assert len(shown.find(".rows [role=row]")) < ROWS_IN_SIGHT
        grid = shown.one("[role=grid]")
        assert grid.get_attribute("aria-rowcount") == "10001"
        slowest = shown.browser.execute_async_script("""
            const done = arguments[0], grid = document.querySelector('[role=grid]'), frames = []
            let last = performance.now(), steps = 0
            requestAnimationFrame(function frame(now) {
                frames.push(now - last); last = now; steps += 1
                grid.scrollTop = steps * 2_000
                if (steps < 120) requestAnimationFrame(frame); else done(Math.max(...frames.slice(5)))
            })""")
        print(f"  the slowest of 120 frames of scrolling took {slowest:.0f} ms", flush=True)
        assert len(shown.find(".rows [role=row]")) < ROWS_IN_SIGHT
        shown.type("#search", "service:service-042 zone:zone-1")
        shown.wait_for("of 10,000 instances")
        shown.picture("ten-thousand")


def the_keyboard_is_enough(options):
    from selenium.webdriver import ActionChains, Keys
    with page(options) as (registry, shown):
        for number in range(1, 4):
            register(registry, f"service-{number}", number)
        shown.wait_for("service-3")
        keys = lambda *pressed: [ActionChains(shown.browser).send_keys(key).perform() for key in pressed]
        shown.browser.execute_script("document.querySelector('[role=grid]').focus()")
        keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        shown.wait("a current row", lambda: "service-2" in shown.text("[aria-selected=true]"))
        grid = shown.one("[role=grid]")
        assert shown.one("#" + grid.get_attribute("aria-activedescendant")).get_attribute("aria-selected") == "true"
        keys(Keys.ENTER)
        shown.wait_for("1 of 3 instances")
        shown.browser.execute_script("document.querySelector('[role=grid]').focus()")
        keys(Keys.HOME, Keys.ENTER)
        shown.wait_for("service-2", ".panel h2")
        assert shown.one(".panel").is_displayed()
        keys(Keys.ESCAPE)
        shown.wait("the panel to close", lambda: not shown.one(".panel").is_displayed())


def each_view_has_a_picture(options):
    for dark in (False, True):
        with page(options, dark=dark) as (registry, shown):
            zones = ("eu-1", "eu-2", "us-1")
            for number in range(36):
                name = ("reviews", "ratings", "details", "productpage")[number % 4]
                register(registry, name, number + 1, tags=[f"v{number % 3 + 1}"], metadata={"zone": zones[number % 3]},
                         status="STARTING" if number == 5 else "UP")
            shown.wait_for("productpage")
            for view in ("services", "instances", "sources", "members", "events", "health"):
                shown.view(view)
                shown.wait(f"{view} to be filled", lambda: len(shown.text("main")) > 60)
                if view == "health":
                    shown.wait_for("a second")
                shown.picture(f"{view}-{'dark' if dark else 'light'}")
            # What an element is called, and that text stands out enough, by the browser's own tree of accessibility.
            names = shown.browser.execute_script(
                "return [...document.querySelectorAll('button,a,input,select')].filter(e => !(e.innerText || e.labels?.length"
                " || e.getAttribute('aria-label') || e.placeholder)).map(e => e.outerHTML)")
            assert names == [], f"without a name: {names}"


def why_a_client_was_refused_is_told(options):
    with page(options) as (registry, shown):
        connection = registry.connect()
        for _ in range(3):
            connection.request("PUT", "/api/v1/instances/0123456789abcdef/heartbeat")
            answer = connection.getresponse()
            sentence = json.loads(answer.read())["Error"]
            assert answer.status == 410, answer.status
        connection.close()
        shown.view("health")
        shown.wait_for(sentence)
        row = shown.text(".rows [role=row]").split("\n")
        assert "3" in row and "410" in row and "127.0.0.1" in row, row


CHECKS = [
    why_a_client_was_refused_is_told,
    what_is_registered_appears_and_what_is_removed_goes,
    an_instance_is_found_by_service_tag_zone_and_status,
    hostile_names_are_text,
    a_status_is_set_and_lifted_and_an_instance_removed_after_a_question,
    a_whole_service_is_taken_out_and_put_back_after_a_question,
    tenants_sign_in_and_see_their_own,
    an_operator_looks_at_any_namespace,
    an_operator_drains_this_member_and_takes_it_back,
    a_newcomer_finds_each_answer_in_under_a_minute,
    the_stream_goes_on_after_a_restart,
    ten_thousand_instances_are_a_few_elements,
    the_keyboard_is_enough,
    each_view_has_a_picture,
]


def run_again_with_selenium(folder):
    """selenium is in the virtual environment, this program may run outside of it."""
    program = folder / "bin" / "python"
    if not program.exists():
        venv.create(folder, symlinks=True, with_pip=True)
    if subprocess.run([program, "-c", "import selenium"], capture_output=True).returncode != 0:
        subprocess.run([program, "-m", "pip", "install", "--quiet", REQUIREMENT], check=True)
    return subprocess.run([program, *sys.argv], check=False).returncode


if __name__ == "__main__":
    if importlib.util.find_spec("selenium") is None:
        sys.exit(run_again_with_selenium(pathlib.Path(checks.ROOT / ".build" / "venv")))
    sys.exit(checks.run(CHECKS, __doc__))
